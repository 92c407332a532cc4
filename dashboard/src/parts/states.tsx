// What stands where there is nothing to show: loading, empty, failed, not
// allowed, stale.

import type { ReactNode } from "react";
import { Away, Problem } from "../api/client";
import { isAway, useOutage } from "../api/live";
import type { Permission } from "../tables";
import { texts } from "../texts";
import { Button } from "./button";
import { Badge } from "./badge";
import { Time } from "./time";

export function Loading() {
  return (
    <p role="status" className="animate-pulse p-6 text-center text-muted">
      {texts.loading}
    </p>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="p-6 text-center text-muted">{children}</p>;
}

/** An error in words, with what can be done about it. */
export function describe(error: Error) {
  if (error instanceof Away) {
    return texts.gatewayAway;
  }
  if (error instanceof Problem) {
    return error.status === 404 && error.slug !== "not-found"
      ? texts.notServed
      : error.message;
  }
  return texts.unexpected;
}

export function Failed({
  error,
  onRetry,
}: {
  error: Error;
  onRetry?: () => void;
}) {
  if (error instanceof Problem && error.status === 403) {
    return <Forbidden permission={error.permission as Permission | null} />;
  }
  return (
    <div role="alert" className="rounded-md bg-bad-soft p-4 text-bad">
      <p className="font-medium">
        {describe(error)} {onRetry && isAway(error) && texts.triesAgain}
      </p>
      {error instanceof Problem && error.requestId && (
        <p className="mt-1 font-mono text-xs">
          {texts.requestId} {error.requestId}
        </p>
      )}
      {onRetry && (
        <Button className="mt-3" onClick={onRetry}>
          {texts.retry}
        </Button>
      )}
    </div>
  );
}

export function Forbidden({ permission }: { permission: Permission | null }) {
  return (
    <p className="card mx-auto max-w-md text-center text-muted">
      {texts.forbiddenDetail(permission)}
    </p>
  );
}

/** Marks what is older than it should be, and says why. */
export function Stale() {
  const outage = useOutage();

  return (
    <div role="status">
      {outage && (
        <p className="mb-4 rounded-md bg-warn-soft p-3">
          <Badge tone="warn">
            {texts.stale} <Time value={outage.since} />
          </Badge>{" "}
          {describe(outage.error)} {texts.triesAgain}
        </p>
      )}
    </div>
  );
}

interface Query<Answer> {
  data: Answer | undefined;
  error: Error | null;
  refetch: () => unknown;
}

/** Shows an answer; before there is one, why not. */
export function Answered<Answer>({
  query,
  children,
}: {
  query: Query<Answer>;
  children: (answer: Answer) => ReactNode;
}) {
  if (query.data !== undefined) {
    return children(query.data);
  }
  if (query.error) {
    return <Failed error={query.error} onRetry={() => query.refetch()} />;
  }
  return <Loading />;
}
