// A chart over time, drawn by uPlot, which is fetched when the first is shown.
// What it shows is in a table for screen readers, too.

import { useEffect, useRef } from "react";
import { formatNumber, formatTime } from "../format";

export interface Series {
  name: string;
  /** A colour's name in styles.css. */
  colour: string;
  values: (number | null)[];
}

interface Props {
  title: string;
  /** Seconds since 1970, ascending. */
  times: number[];
  series: Series[];
  height?: number;
}

const colourOf = (name: string) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);

// light-dark() is resolved where a colour is used, not in the variable
function resolve(name: string) {
  const probe = document.createElement("span");
  probe.style.color = colourOf(name);
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

export function Chart({ title, times, series, height = 180 }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const last = times.length - 1;

  useEffect(() => {
    const box = place.current;
    let stop = () => {};
    let gone = false;

    async function draw() {
      const [{ default: Plot }] = await Promise.all([
        import("uplot"),
        import("uplot/dist/uPlot.min.css"),
      ]);
      if (gone || !box) {
        return;
      }
      const axis = {
        stroke: resolve("muted"),
        grid: { stroke: resolve("line"), width: 1 },
        ticks: { stroke: resolve("line"), width: 1 },
      };
      const plot = new Plot(
        {
          width: box.clientWidth,
          height,
          axes: [axis, { ...axis, size: 56 }],
          scales: { y: { range: (_plot, _min, max) => [0, Math.max(max, 1)] } },
          series: [
            {},
            ...series.map(({ name, colour }) => ({
              label: name,
              stroke: resolve(colour),
              width: 2,
              points: { show: false },
            })),
          ],
        },
        [times, ...series.map(({ values }) => values)],
        box,
      );
      const watcher = new ResizeObserver(() =>
        plot.setSize({ width: box.clientWidth, height }),
      );
      watcher.observe(box);
      stop = () => {
        watcher.disconnect();
        plot.destroy();
      };
    }

    void draw();
    return () => {
      gone = true;
      stop();
    };
  }, [times, series, height]);

  return (
    <figure className="card">
      <figcaption className="mb-2 font-medium">{title}</figcaption>
      <div ref={place} aria-hidden="true" />
      <table className="sr-only">
        <caption>{title}</caption>
        <tbody>
          {series.map(({ name, values }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>
                {times[last] !== undefined && formatTime(times[last] * 1000)}
              </td>
              <td>{formatNumber(values[last] ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}
