import { useState } from "react";
import { Link, useLocation } from "wouter";
import { call } from "../api/client";
import { useFilters } from "../api/filters";
import { useLive } from "../api/live";
import { usePages } from "../api/pages";
import type { Job, Queues, Workers } from "../api/types";
import { formatDuration, formatNumber } from "../format";
import { Badge } from "../parts/badge";
import { Button } from "../parts/button";
import { Dialog } from "../parts/dialog";
import { SelectField } from "../parts/field";
import { More } from "../parts/more";
import { Page } from "../parts/page";
import { Answered, Empty } from "../parts/states";
import { Table } from "../parts/table";
import { Time } from "../parts/time";
import { queues, tasks } from "../tables";
import { texts } from "../texts";
import { NewJob } from "./newjob";
import { Schedule } from "./schedule";
import { JobStatus } from "./status";

const STATUSES = [
  "pending", "queued", "started", "retrying", "lost",
  "succeeded", "failed", "revoked", "expired",
] as const;

export function Jobs() {
  const [filters, setFilter] = useFilters(["task", "queue", "status"]);
  const pages = usePages<Job>("/api/jobs", filters, 50, 5000);
  const [creating, setCreating] = useState(false);
  const [, go] = useLocation();
  const options = (names: readonly string[]) =>
    [["", texts.all], ...names.map((name) => [name, name] as const)] as const;

  return (
    <Page
      title={texts.jobs}
      actions={
        <Button look="primary" onClick={() => setCreating(true)}>
          {texts.newJob}
        </Button>
      }
    >
      <div className="mb-4 grid grid-cols-1 gap-4 xl:grid-cols-2">
        <QueueTable />
        <WorkerTable />
      </div>
      <Schedule />
      <search className="mb-4 grid gap-3 sm:grid-cols-3">
        <SelectField
          label={texts.task}
          value={filters.task ?? ""}
          options={options(tasks.map(({ name }) => name))}
          onChange={(value) => setFilter("task", value)}
        />
        <SelectField
          label={texts.queue}
          value={filters.queue ?? ""}
          options={options(queues)}
          onChange={(value) => setFilter("queue", value)}
        />
        <SelectField
          label={texts.state}
          value={filters.status ?? ""}
          options={options(STATUSES)}
          onChange={(value) => setFilter("status", value)}
        />
      </search>
      <Answered query={{ ...pages.query, data: pages.items }}>
        {(jobs) =>
          jobs.length === 0 ? (
            <Empty>{texts.noJobs}</Empty>
          ) : (
            <JobTable jobs={jobs} />
          )
        }
      </Answered>
      <More pages={pages} />
      {creating && (
        <Dialog title={texts.newJob} onClose={() => setCreating(false)}>
          <NewJob
            onSubmit={async (job) => {
              const made = await call<{ id: string }>("POST", "/api/jobs", {
                body: job,
              });
              go(`/jobs/${made.id}`);
            }}
            onDone={() => setCreating(false)}
          />
        </Dialog>
      )}
    </Page>
  );
}

function JobTable({ jobs }: { jobs: Job[] }) {
  return (
    <Table
      caption={texts.jobs}
      rows={jobs}
      keyOf={({ id }) => id}
      columns={[
        {
          head: texts.task,
          cell: ({ id, task }) => (
            <Link
              href={`/jobs/${id}`}
              className="font-medium text-accent underline-offset-2 hover:underline"
            >
              {task}
            </Link>
          ),
        },
        { head: texts.queue, cell: ({ queue }) => queue },
        { head: texts.state, cell: ({ status }) => <JobStatus status={status} /> },
        {
          head: texts.enqueued,
          cell: ({ enqueued_at }) => <Time value={enqueued_at} />,
        },
        {
          head: texts.took,
          cell: ({ started_at, finished_at }) =>
            started_at && finished_at
              ? formatDuration((Date.parse(finished_at) - Date.parse(started_at)) / 1000)
              : "–",
          wide: true,
        },
        { head: texts.retries, cell: ({ retries }) => retries, wide: true },
        {
          head: texts.error,
          cell: ({ error }) => (
            <span className="line-clamp-2 break-words">{error ?? ""}</span>
          ),
          wide: true,
        },
      ]}
    />
  );
}

function QueueTable() {
  const query = useLive<Queues>("/api/jobs/queues", 5000);

  return (
    <section>
      <h2 className="mb-2 font-semibold">{texts.queues}</h2>
      <Answered query={query}>
        {(answer) => (
          <Table
            caption={texts.queues}
            rows={answer.queues}
            keyOf={({ name }) => name}
            columns={[
              {
                head: texts.queue,
                cell: ({ name }) => <span className="font-medium">{name}</span>,
              },
              {
                head: texts.waiting,
                cell: ({ waiting, pending }) => formatNumber(waiting + pending),
              },
              {
                head: texts.underWay,
                cell: ({ unacknowledged }) => formatNumber(unacknowledged),
              },
              {
                head: texts.scheduled,
                cell: ({ scheduled }) => formatNumber(scheduled),
              },
              {
                head: texts.oldest,
                cell: ({ oldest_seconds }) =>
                  oldest_seconds === null ? "–" : formatDuration(oldest_seconds),
              },
              {
                head: texts.rate,
                cell: ({ rate_per_minute }) => formatNumber(rate_per_minute),
              },
            ]}
          />
        )}
      </Answered>
    </section>
  );
}

function WorkerTable() {
  const query = useLive<Workers>("/api/jobs/workers", 5000);

  return (
    <section>
      <h2 className="mb-2 font-semibold">{texts.workers}</h2>
      <Answered query={query}>
        {({ workers }) =>
          workers.length === 0 ? (
            <Empty>{texts.noWorkers}</Empty>
          ) : (
            <Table
              caption={texts.workers}
              rows={workers}
              keyOf={({ hostname }) => hostname}
              columns={[
                {
                  head: texts.worker,
                  cell: ({ hostname }) => (
                    <span className="font-medium break-all">{hostname}</span>
                  ),
                },
                {
                  head: texts.state,
                  cell: ({ status }) => (
                    <Badge tone={status === "online" ? "good" : "bad"}>
                      {texts.workerStates[status]}
                    </Badge>
                  ),
                },
                { head: texts.activeTasks, cell: ({ active }) => active ?? "–" },
                {
                  head: texts.heartbeat,
                  cell: ({ last_heartbeat }) => <Time value={last_heartbeat} ago />,
                },
              ]}
            />
          )
        }
      </Answered>
    </section>
  );
}
