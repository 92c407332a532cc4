import { useMemo, useState } from "react";
import { Link } from "wouter";
import { withQuery } from "../api/client";
import { useLive } from "../api/live";
import type { AuditStats, Stats } from "../api/types";
import { useSession } from "../api/session";
import { formatDuration, formatNumber, formatPercent } from "../format";
import { Badge } from "../parts/badge";
import { Chart } from "../parts/chart";
import { SelectField } from "../parts/field";
import { Figure } from "../parts/figure";
import { Page } from "../parts/page";
import { Answered, Empty } from "../parts/states";
import { Table } from "../parts/table";
import { texts } from "../texts";
import { disagree, useGateways, useHealth } from "./health";

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

export function Overview() {
  const [hours, setHours] = useState("24");
  const query = useLive<AuditStats>(
    `${STATS}#${hours}`,
    15_000,
    { pathOf: () => pathOf(Number(hours)) },
  );

  return (
    <Page
      title={texts.overview}
      actions={
        <SelectField
          label={texts.period}
          value={hours}
          options={texts.periods}
          onChange={setHours}
        />
      }
    >
      <Attention stats={query.data} />
      <Now />
      <Answered query={query}>{(stats) => <Figures stats={stats} />}</Answered>
    </Page>
  );
}

function Figures({ stats }: { stats: AuditStats }) {
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

/** How things stand at this gateway. */
function Now() {
  const query = useStats();

  return (
    <div className="mb-4">
      <Answered query={query}>
        {({ users, jobs, requests, errors, events, uptime_seconds }) => {
          const open = ["pending", "queued", "started", "retrying", "lost"]
            .map((status) => jobs.by_status[status] ?? 0)
            .reduce((sum, count) => sum + count, 0);
          return (
            <div className="grid grid-cols-2 gap-4 lg:grid-cols-4">
              <Figure
                name={texts.requests}
                detail={texts.requestsDetail(
                  formatDuration(uptime_seconds), formatNumber(errors),
                )}
              >
                {formatNumber(requests.total)}
              </Figure>
              <Figure
                name={texts.activeUsers}
                detail={Object.entries(users.by_role)
                  .map(([role, { active }]) => `${role} ${formatNumber(active)}`)
                  .join(", ")}
              >
                {formatNumber(users.active)}
              </Figure>
              <Figure name={texts.openJobs}>{formatNumber(open)}</Figure>
              <Figure name={texts.inSpool}>
                {formatNumber(
                  Math.max(0, events.appended - events.shipped - events.parked),
                )}
              </Figure>
            </div>
          );
        }}
      </Answered>
    </div>
  );
}

function useStats() {
  return useLive<Stats>("/api/admin/stats", 5000);
}

/** What somebody should look at now, in words, with the way there. */
function Attention({ stats }: { stats: AuditStats | undefined }) {
  const { may } = useSession();
  const health = useHealth();
  const counted = useStats().data;
  const failedJobs = counted?.jobs.by_status.failed ?? 0;
  const parked = counted?.events.parked ?? 0;
  const gateways = useGateways(may("system:health")).data?.gateways ?? [];
  const notes: [string, string][] = [];

  for (const [name, service] of Object.entries(health.data?.services ?? {})) {
    if (service.status === "unhealthy" || service.status === "degraded") {
      notes.push([texts.serviceAway(name, service.error), "/health"]);
    }
  }
  for (const { host, configuration, is_silent } of gateways) {
    if (is_silent) {
      notes.push([texts.silentGateway(host, configuration), "/health"]);
    }
  }
  if (disagree(gateways)) {
    notes.push([texts.policiesDiffer, "/health"]);
  }
  for (const part of ["memory", "disk"] as const) {
    const use = health.data?.system[part].used_percent ?? 0;
    if (use >= 80) {
      notes.push([texts.nearlyFull(texts[part], formatPercent(use)), "/health"]);
    }
  }
  if (failedJobs > 0 && may("system:jobs")) {
    notes.push([texts.failedJobs(failedJobs), "/jobs?status=failed"]);
  }
  if (parked > 0) {
    notes.push([texts.parkedEvents(parked), "/health"]);
  }
  if (stats && stats.total >= 50 && stats.failure > stats.total / 4) {
    notes.push([texts.manyFailures, "/audit?success=false"]);
  }

  return (
    <section className="card mb-4">
      <h2 className="mb-2 font-semibold">{texts.attention}</h2>
      {notes.length === 0 ? (
        <p className="text-good">{texts.allWell}</p>
      ) : (
        <ul className="grid gap-1">
          {notes.map(([text, href]) => (
            <li key={text}>
              <Badge tone="warn">!</Badge>{" "}
              <Link href={href} className="text-accent underline">
                {text}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
