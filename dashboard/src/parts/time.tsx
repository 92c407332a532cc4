import { formatAgo, formatTime, formatUtc } from "../format";
import { texts } from "../texts";

/** A moment: local time, or how long ago; UTC on hover. */
export function Time({
  value,
  ago = false,
}: {
  value: string | number | null | undefined;
  ago?: boolean;
}) {
  if (value === null || value === undefined) {
    return <span className="text-muted">{texts.never}</span>;
  }
  return (
    <time
      dateTime={new Date(value).toISOString()}
      title={formatUtc(value)}
      className="whitespace-nowrap tabular-nums"
    >
      {ago ? formatAgo(value) : formatTime(value)}
    </time>
  );
}
