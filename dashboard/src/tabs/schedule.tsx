// What beat asks for by itself: in a line, and unfolded as a table.

import { Link } from "wouter";
import { useLive } from "../api/live";
import type { Schedule as Answer, ScheduleEntry } from "../api/types";
import { formatAgo, formatDuration } from "../format";
import { Badge } from "../parts/badge";
import { Answered } from "../parts/states";
import { Table } from "../parts/table";
import { Time } from "../parts/time";
import { texts } from "../texts";
import { JobStatus } from "./status";

export function useSchedule(enabled = true) {
  return useLive<Answer>("/api/jobs/schedule", 10_000, { enabled });
}

export function Schedule() {
  const query = useSchedule();

  return (
    <section className="mb-4">
      <Answered query={query}>
        {({ schedule: [next, ...others] }) =>
          next === undefined ? (
            <p className="text-muted">{texts.noSchedule}</p>
          ) : (
            <details>
              <summary className="mb-2 cursor-pointer">
                <h2 className="inline font-semibold">{texts.schedule}</h2>{" "}
                {next.is_overdue ? (
                  <Badge tone="bad">{texts.noBeat}</Badge>
                ) : (
                  <span className="text-muted">
                    {texts.next(next.name, formatAgo(next.due_at))}
                  </span>
                )}
              </summary>
              <Entries entries={[next, ...others]} />
            </details>
          )
        }
      </Answered>
    </section>
  );
}

function period({ period: when }: ScheduleEntry) {
  return "daily_at" in when
    ? texts.dailyAt(when.daily_at)
    : texts.everySo(formatDuration(when.every_seconds));
}

function Entries({ entries }: { entries: ScheduleEntry[] }) {
  return (
    <Table
      caption={texts.schedule}
      rows={entries}
      keyOf={({ name }) => name}
      columns={[
        {
          head: texts.name,
          cell: ({ name }) => <span className="font-medium">{name}</span>,
        },
        {
          head: texts.asksFor,
          cell: ({ task, function: called, kwargs }) => (
            <>
              <code className="text-xs break-all">{task ?? `${called}()`}</code>
              {Object.entries(kwargs).map(([name, value]) => (
                <code key={name} className="ml-2 text-xs text-muted">
                  {name}={JSON.stringify(value)}
                </code>
              ))}
            </>
          ),
        },
        { head: texts.when, cell: period },
        {
          head: texts.due,
          cell: ({ due_at, is_overdue }) => (
            <>
              <Time value={due_at} ago />{" "}
              {is_overdue && <Badge tone="bad">{texts.overdue}</Badge>}
            </>
          ),
        },
        {
          head: texts.lastRun,
          cell: ({ last_at, last_job, last_status }) => (
            <>
              <Time value={last_at} ago />{" "}
              {last_job && last_status && (
                <Link href={`/jobs/${last_job}`} className="underline">
                  <JobStatus status={last_status} />
                </Link>
              )}
            </>
          ),
        },
      ]}
    />
  );
}
