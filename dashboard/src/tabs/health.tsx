import { useEffect, useState } from "react";
import { useLive } from "../api/live";
import type { Health as Answer, Level } from "../api/types";
import { formatNumber } from "../format";
import { Badge } from "../parts/badge";
import type { Tone } from "../parts/badge";
import { Chart } from "../parts/chart";
import { Gauge } from "../parts/figure";
import { Page } from "../parts/page";
import { Answered } from "../parts/states";
import { Table } from "../parts/table";
import { Time } from "../parts/time";
import { texts } from "../texts";

const EVERY = 3000;
const KEPT = 200;

export const TONES: Record<Level, Tone> = {
  healthy: "good",
  degraded: "warn",
  unhealthy: "bad",
  not_configured: "neutral",
};

interface Sample {
  time: number;
  cpu: number;
  memory: number;
  disk: number;
}

export function useHealth() {
  return useLive<Answer>("/api/health/detailed", EVERY, { alsoGood: 503 });
}

export function Health() {
  const query = useHealth();
  const history = useHistory(query.data);

  return (
    <Page
      title={texts.health}
      actions={
        query.data && (
          <Badge tone={TONES[query.data.status]}>
            {texts.levels[query.data.status]}
          </Badge>
        )
      }
    >
      <Answered query={query}>
        {(answer) => (
          <div className="grid grid-cols-1 gap-4">
            <Machine system={answer.system} />
            <Use history={history} />
            <Services services={answer.services} />
          </div>
        )}
      </Answered>
    </Page>
  );
}

/** The figures since the page was opened. */
function useHistory(answer: Answer | undefined) {
  const [history, setHistory] = useState<Sample[]>([]);

  useEffect(() => {
    if (!answer) {
      return;
    }
    const { cpu_percent, memory, disk } = answer.system;
    const sample = {
      time: new Date(answer.timestamp).getTime() / 1000,
      cpu: cpu_percent,
      memory: memory.used_percent,
      disk: disk.used_percent,
    };
    setHistory((before) =>
      before.at(-1)?.time === sample.time
        ? before
        : [...before, sample].slice(-KEPT),
    );
  }, [answer]);

  return history;
}

function Use({ history }: { history: Sample[] }) {
  // of one moment there is nothing to draw
  if (history.length < 2) {
    return null;
  }
  return (
    <Chart
      title={texts.useOverTime}
      times={history.map(({ time }) => time)}
      series={[
        {
          name: texts.cpu,
          colour: "accent",
          values: history.map(({ cpu }) => cpu),
        },
        {
          name: texts.memory,
          colour: "good",
          values: history.map(({ memory }) => memory),
        },
        {
          name: texts.disk,
          colour: "warn",
          values: history.map(({ disk }) => disk),
        },
      ]}
    />
  );
}

function Machine({ system }: { system: Answer["system"] }) {
  const { memory, disk } = system;

  return (
    <div className="grid gap-4 sm:grid-cols-3">
      <Gauge name={texts.cpu} value={system.cpu_percent} detail={texts.cpuDetail} />
      <Gauge
        name={texts.memory}
        value={memory.used_percent}
        detail={texts.freeOf(
          formatNumber(memory.available_gb),
          formatNumber(memory.total_gb),
        )}
      />
      <Gauge
        name={texts.disk}
        value={disk.used_percent}
        detail={texts.freeOf(
          formatNumber(disk.free_gb),
          formatNumber(disk.total_gb),
        )}
      />
    </div>
  );
}

function Services({ services }: { services: Answer["services"] }) {
  return (
    <Table
      caption={texts.services}
      rows={Object.entries(services)}
      keyOf={([name]) => name}
      columns={[
        {
          head: texts.service,
          cell: ([name]) => <span className="font-medium">{name}</span>,
        },
        {
          head: texts.state,
          cell: ([, { status }]) => (
            <Badge tone={TONES[status]}>{texts.levels[status]}</Badge>
          ),
        },
        {
          head: texts.latency,
          cell: ([, { latency_ms }]) =>
            latency_ms === undefined ? "–" : `${formatNumber(latency_ms)}\u00a0ms`,
        },
        {
          head: texts.checked,
          cell: ([, { checked_at }]) =>
            checked_at ? <Time value={checked_at} ago /> : "–",
        },
        { head: texts.error, cell: ([, { error }]) => error ?? "–" },
      ]}
    />
  );
}
