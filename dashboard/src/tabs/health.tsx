import { useEffect } from "react";
import { useLive } from "../api/live";
import type { Gateway, Gateways, Health as Answer, Level } from "../api/types";
import { formatBytes, formatDuration, formatNumber } from "../format";
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
const KEPT = 1200;

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

// figures since the page was loaded, on whichever tab they came in
let kept: Sample[] = [];

export function useHealth() {
  const query = useLive<Answer>(
    "/api/health/detailed", EVERY, { alsoGood: 503 },
  );
  const { data } = query;

  useEffect(() => {
    if (data) {
      keep(data);
    }
  }, [data]);

  return query;
}

function keep({ timestamp, system }: Answer) {
  const time = Date.parse(timestamp) / 1000;

  if (kept.at(-1)?.time !== time) {
    const { cpu_percent: cpu, memory, disk } = system;
    const sample = {
      time, cpu, memory: memory.used_percent, disk: disk.used_percent,
    };
    kept = [...kept, sample].slice(-KEPT);
  }
}

export function Health() {
  const query = useHealth();

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
            <Use history={kept} />
            <Services services={answer.services} />
            <GatewayList />
          </div>
        )}
      </Answered>
    </Page>
  );
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
          head: texts.since,
          cell: ([, { since }]) => (since ? <Time value={since} ago /> : "–"),
        },
        {
          head: texts.checked,
          cell: ([, { checked_at }]) =>
            checked_at ? <Time value={checked_at} ago /> : "–",
          wide: true,
        },
        { head: texts.error, cell: ([, { error }]) => error ?? "–" },
      ]}
    />
  );
}

export function useGateways(enabled = true) {
  return useLive<Gateways>("/api/admin/gateways", 5000, { enabled });
}

/** Whether gateways that are heard of decide by different policies. */
export function disagree(gateways: Gateway[]) {
  const heard = gateways.filter(({ is_silent }) => !is_silent);

  return new Set(heard.map(({ policy_version }) => policy_version)).size > 1;
}

function GatewayList() {
  const query = useGateways();

  return (
    <section>
      <h2 className="mb-2 font-semibold">{texts.gateways}</h2>
      <Answered query={query}>
        {({ gateways }) => (
          <>
            {disagree(gateways) && (
              <p className="mb-2">
                <Badge tone="warn">!</Badge> {texts.policiesDiffer}
              </p>
            )}
            <GatewayTable gateways={gateways} />
          </>
        )}
      </Answered>
    </section>
  );
}

function GatewayTable({ gateways }: { gateways: Gateway[] }) {
  return (
    <Table
      caption={texts.gateways}
      rows={gateways}
      keyOf={({ host, configuration }) => `${host} ${configuration}`}
      columns={[
        {
          head: texts.gateway,
          cell: ({ host, configuration }) => (
            <>
              <span className="block font-medium break-all">{host}</span>
              <code className="text-xs break-all text-muted">{configuration}</code>
            </>
          ),
        },
        {
          head: texts.state,
          cell: ({ is_silent, reported_at }) =>
            is_silent ? (
              <>
                <Badge tone="bad">{texts.silent}</Badge>{" "}
                <Time value={reported_at} ago />
              </>
            ) : (
              <Badge tone="good">{texts.reports}</Badge>
            ),
        },
        {
          head: texts.policyVersion,
          cell: ({ policy_version }) => <code>{policy_version}</code>,
        },
        {
          head: texts.spool,
          cell: (gateway) =>
            gateway.spool_limit_bytes === 0
              ? "–"
              : texts.spoolUse(
                  formatBytes(gateway.spool_bytes),
                  formatBytes(gateway.spool_limit_bytes),
                ),
        },
        {
          head: texts.notStoredFor,
          cell: ({ spool_oldest_seconds: seconds }) =>
            seconds === 0 ? "–" : formatDuration(seconds),
        },
        {
          head: texts.revocationLag,
          cell: ({ revocation_lag_seconds: seconds }) =>
            seconds === 0 ? texts.underASecond : formatDuration(seconds),
        },
        { head: texts.processes, cell: ({ workers }) => workers, wide: true },
        {
          head: texts.running,
          cell: ({ started_at }) => <Time value={started_at} ago />,
          wide: true,
        },
        {
          head: texts.version,
          cell: ({ version, nginx }) => texts.versionsShort(version, nginx),
          wide: true,
        },
      ]}
    />
  );
}
