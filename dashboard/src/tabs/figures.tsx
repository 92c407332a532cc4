// What the audit log adds up to: figures, a chart, and who and what.

import { useMemo, useState } from "react";
import { Link } from "wouter";
import { withQuery } from "../api/client";
import { useLive } from "../api/live";
import type { AuditStats } from "../api/types";
import { formatNumber, formatPercent } from "../format";
import { Chart } from "../parts/chart";
import { SelectField } from "../parts/field";
import { Figure } from "../parts/figure";
import { Answered, Empty } from "../parts/states";
import { Table } from "../parts/table";
import { texts } from "../texts";

const HOUR = 3600_000;
const STATS = "/api/admin/audit-logs/stats";

function pathOf(hours: number) {
  const now = Date.now();

  return withQuery(STATS, {
    from: new Date(now - hours * HOUR).toISOString(),
    to: new Date(now + HOUR / 60).toISOString(),
    interval: hours > 72 ? "day" : "hour",
  });
}

/** What happened in the last so many hours. */
export function useAuditStats(hours: string) {
  return useLive<AuditStats>(`${STATS}#${hours}`, 15_000, {
    pathOf: () => pathOf(Number(hours)),
  });
}

export function Period({ hours, onChange }: {
  hours: string;
  onChange: (hours: string) => void;
}) {
  return (
    <SelectField
      label={texts.period}
      value={hours}
      options={texts.periods}
      onChange={onChange}
    />
  );
}

export function Figures({ stats }: { stats: AuditStats }) {
  const times = useMemo(
    () => stats.series.map(({ bucket }) => Date.parse(bucket) / 1000),
    [stats],
  );
  const series = useMemo(
    () => [
      {
        name: texts.all,
        colour: "accent",
        values: stats.series.map(({ total }) => total),
      },
      {
        name: texts.failed,
        colour: "bad",
        values: stats.series.map(({ failure }) => failure),
      },
    ],
    [stats],
  );
  const count = (name: keyof AuditStats["by_action"]) =>
    formatNumber(stats.by_action[name] ?? 0);

  return (
    <div className="grid grid-cols-1 gap-4">
      <div className="grid grid-cols-2 gap-4 lg:grid-cols-4">
        <Figure
          name={texts.events}
          detail={texts.failedShare(
            formatPercent(stats.total ? (100 * stats.failure) / stats.total : 0),
          )}
        >
          {formatNumber(stats.total)}
        </Figure>
        <Figure name={texts.denials}>{count("access_denied")}</Figure>
        <Figure name={texts.logins}>{count("login")}</Figure>
        <Figure name={texts.published}>{count("campaign_published")}</Figure>
      </div>
      <Chart title={texts.eventsOverTime} times={times} series={series} />
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
        <section>
          <h2 className="mb-2 font-semibold">{texts.whatHappened}</h2>
          <Table
            caption={texts.whatHappened}
            rows={Object.entries(stats.by_action).sort((a, b) => b[1] - a[1])}
            keyOf={([name]) => name}
            columns={[
              {
                head: texts.action,
                cell: ([name]) => (
                  <Link
                    href={`/audit?action=${name}`}
                    className="text-accent underline-offset-2 hover:underline"
                  >
                    {name}
                  </Link>
                ),
              },
              { head: texts.events, cell: ([, amount]) => formatNumber(amount) },
            ]}
          />
        </section>
        <section>
          <h2 className="mb-2 font-semibold">{texts.whoDid}</h2>
          {stats.top_users.length === 0 ? (
            <Empty>{texts.noEvents}</Empty>
          ) : (
            <Table
              caption={texts.whoDid}
              rows={stats.top_users}
              keyOf={({ user_id }) => user_id}
              columns={[
                {
                  head: texts.who,
                  cell: ({ user_id, user_email }) => (
                    <Link
                      href={`/users/${user_id}`}
                      className="text-accent underline-offset-2 hover:underline"
                    >
                      {user_email}
                    </Link>
                  ),
                },
                { head: texts.events, cell: ({ count: n }) => formatNumber(n) },
              ]}
            />
          )}
        </section>
      </div>
    </div>
  );
}

/** The same beside the log, unfolded when wanted. */
export function Statistics() {
  const [isOpen, setOpen] = useState(false);

  return (
    <details
      className="mb-4"
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary className="cursor-pointer font-semibold">{texts.statistics}</summary>
      {isOpen && <StatisticsContent />}
    </details>
  );
}

function StatisticsContent() {
  const [hours, setHours] = useState("24");
  const query = useAuditStats(hours);

  return (
    <>
      <div className="my-3 max-w-48">
        <Period hours={hours} onChange={setHours} />
      </div>
      <Answered query={query}>
        {(stats) => (
          <>
            <Figures stats={stats} />
            <h2 className="mt-4 mb-2 font-semibold">{texts.byKind}</h2>
            <Table
              caption={texts.byKind}
              rows={Object.entries(stats.by_resource_type).sort((a, b) => b[1] - a[1])}
              keyOf={([kind]) => kind}
              columns={[
                {
                  head: texts.resourceType,
                  cell: ([kind]) => (
                    <Link
                      href={`/audit?resource_type=${encodeURIComponent(kind)}`}
                      className="text-accent underline-offset-2 hover:underline"
                    >
                      {kind}
                    </Link>
                  ),
                },
                { head: texts.events, cell: ([, amount]) => formatNumber(amount) },
              ]}
            />
          </>
        )}
      </Answered>
    </>
  );
}
