import type { ReactNode } from "react";
import { formatPercent } from "../format";

/** One figure with its name. */
export function Figure({
  name,
  children,
  detail,
}: {
  name: string;
  children: ReactNode;
  detail?: ReactNode;
}) {
  return (
    <div className="card">
      <p className="text-xs text-muted">{name}</p>
      <p className="mt-1 text-2xl font-semibold tabular-nums">{children}</p>
      {detail && <p className="mt-1 text-xs text-muted">{detail}</p>}
    </div>
  );
}

/** How full something is. */
export function Gauge({
  name,
  value,
  detail,
}: {
  name: string;
  value: number;
  detail: string;
}) {
  return (
    <div className="card">
      <div className="flex items-baseline justify-between">
        <p className="font-medium">{name}</p>
        <p className="text-lg font-semibold tabular-nums">
          {formatPercent(value)}
        </p>
      </div>
      <meter
        aria-label={name}
        min={0}
        max={100}
        low={80}
        high={95}
        optimum={0}
        value={value}
        className="my-2 h-2 w-full"
      />
      <p className="text-xs text-muted">{detail}</p>
    </div>
  );
}
