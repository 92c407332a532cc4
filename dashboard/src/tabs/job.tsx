import { useState } from "react";
import { Link, useParams } from "wouter";
import { call } from "../api/client";
import { useLive } from "../api/live";
import type { Job as Answer } from "../api/types";
import { Button } from "../parts/button";
import { Confirm } from "../parts/dialog";
import { Page } from "../parts/page";
import { Answered, Failed } from "../parts/states";
import { Time } from "../parts/time";
import { texts } from "../texts";
import { JobStatus } from "./status";

const RUNNING = ["started", "retrying"];
const OPEN = ["pending", "queued", "lost", ...RUNNING];
const REPEATABLE = ["failed", "lost", "expired", "revoked"];

/** The life of one job, and what can be done about it. */
export function Job() {
  const { id } = useParams<{ id: string }>();
  const query = useLive<Answer>(`/api/jobs/${id}`, 2000);

  return (
    <Page
      title={query.data?.task ?? texts.job}
      actions={
        query.data && (
          <Actions job={query.data} onDone={() => void query.refetch()} />
        )
      }
    >
      <p className="mb-4">
        <Link href="/jobs" className="text-accent underline">
          {texts.allJobs}
        </Link>
      </p>
      <Answered query={query}>
        {(job) => (
          <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
            <Life job={job} />
            <Data title={texts.arguments} value={job.kwargs} />
            {job.result !== null && <Data title={texts.result} value={job.result} />}
            {job.error !== null && (
              <section className="card lg:col-span-2">
                <h2 className="mb-2 font-semibold">{texts.error}</h2>
                <p className="break-words text-bad">{job.error}</p>
                {job.traceback && (
                  <pre
                    tabIndex={0}
                    className="mt-3 overflow-x-auto rounded-md bg-sunken p-3 font-mono text-xs"
                  >
                    {job.traceback}
                  </pre>
                )}
              </section>
            )}
          </div>
        )}
      </Answered>
    </Page>
  );
}

function Life({ job }: { job: Answer }) {
  const moments: [string, string | null | undefined][] = [
    [texts.enqueued, job.enqueued_at],
    [texts.eta, job.eta],
    [texts.relayed, job.relayed_at],
    [texts.started, job.started_at],
    [texts.finished, job.finished_at],
  ];

  return (
    <section className="card">
      <h2 className="mb-3 flex items-center gap-2 font-semibold">
        {texts.life} <JobStatus status={job.status} />
      </h2>
      {job.progress && (
        <progress
          aria-label={texts.progress}
          className="mb-3 w-full"
          max={job.progress.total}
          value={job.progress.done}
        />
      )}
      <ol className="grid gap-2 border-l-2 border-line pl-4">
        {moments
          .filter(([, at]) => at)
          .map(([name, at]) => (
            <li key={name} className="flex flex-wrap justify-between gap-2">
              <span>{name}</span>
              <Time value={at} />
            </li>
          ))}
      </ol>
      <p className="mt-3 text-muted">
        {texts.queue} {job.queue} · {texts.retries} {job.retries}
        {job.worker && ` · ${texts.worker} ${job.worker}`}
      </p>
      <p className="mt-1 text-xs text-muted">
        <code>{job.id}</code>
      </p>
    </section>
  );
}

function Data({ title, value }: { title: string; value: unknown }) {
  return (
    <section className="card min-w-0">
      <h2 className="mb-2 font-semibold">{title}</h2>
      <pre
        tabIndex={0}
        className="overflow-x-auto rounded-md bg-sunken p-3 font-mono text-xs"
      >
        {JSON.stringify(value, null, 2)}
      </pre>
    </section>
  );
}

function Actions({ job, onDone }: { job: Answer; onDone: () => void }) {
  const [revoking, setRevoking] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const path = `/api/jobs/${job.id}`;
  const running = RUNNING.includes(job.status);

  async function retry() {
    setError(null);
    try {
      await call("POST", `${path}/retry`, { body: {} });
      onDone();
    } catch (failure) {
      setError(failure as Error);
    }
  }

  return (
    <>
      {error && <Failed error={error} />}
      {REPEATABLE.includes(job.status) && (
        <Button onClick={() => void retry()}>{texts.retryJob}</Button>
      )}
      {OPEN.includes(job.status) && (
        <Button look="danger" onClick={() => setRevoking(true)}>
          {running ? texts.terminate : texts.revoke}
        </Button>
      )}
      {revoking && (
        <Confirm
          title={`${running ? texts.terminate : texts.revoke}: ${job.task}`}
          text={running ? texts.terminateText : texts.revokeText}
          action={running ? texts.terminate : texts.revoke}
          onConfirm={async () => {
            await call("DELETE", running ? `${path}?terminate=true` : path);
            onDone();
          }}
          onClose={() => setRevoking(false)}
        />
      )}
    </>
  );
}
