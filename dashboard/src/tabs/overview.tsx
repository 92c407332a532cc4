import { useState } from "react";
import { Link } from "wouter";
import { useLive } from "../api/live";
import type { AuditStats, Stats } from "../api/types";
import { useSession } from "../api/session";
import { formatDuration, formatNumber, formatPercent } from "../format";
import { Badge } from "../parts/badge";
import { Figure } from "../parts/figure";
import { Page } from "../parts/page";
import { Answered } from "../parts/states";
import { texts } from "../texts";
import { Figures, Period, useAuditStats } from "./figures";
import { disagree, useGateways, useHealth } from "./health";
import { useSchedule } from "./schedule";

export function Overview() {
  const [hours, setHours] = useState("24");
  const query = useAuditStats(hours);

  return (
    <Page
      title={texts.overview}
      actions={<Period hours={hours} onChange={setHours} />}
    >
      <Attention stats={query.data} />
      <Now />
      <Answered query={query}>{(stats) => <Figures stats={stats} />}</Answered>
    </Page>
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
  const schedule = useSchedule(may("system:jobs")).data?.schedule;
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
  if (schedule?.some(({ is_overdue }) => is_overdue)) {
    notes.push([texts.noBeatNote, "/jobs"]);
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
