// What a page shows live: polled, and ever more rarely while that fails.

import {
  keepPreviousData, useQuery, useQueryClient,
} from "@tanstack/react-query";
import type { Query } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Away, call, Problem } from "./client";

const LONGEST = 30_000;
const PATIENCE = 20_000;

interface Options {
  alsoGood?: number;
  enabled?: boolean;
  /** The path of each question, where it differs from one to the next. */
  pathOf?: () => string;
}

/** The answer of a GET call, asked again every so many milliseconds. */
export function useLive<Answer>(
  path: string,
  every = 5000,
  { alsoGood, enabled = true, pathOf }: Options = {},
) {
  return useQuery({
    queryKey: [path],
    queryFn: ({ signal }) =>
      call<Answer>("GET", pathOf?.() ?? path, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
        ...(alsoGood === undefined ? {} : { alsoGood }),
      }),
    enabled,
    placeholderData: keepPreviousData,
    retry: false,
    refetchInterval: pause(every),
  });
}

interface State {
  status: string;
  dataUpdatedAt: number;
  errorUpdatedAt: number;
}

/** When to ask again: after a failure half as long as it has failed already. */
export function pause(every: number) {
  return ({ state }: { state: State }) =>
    state.status === "error"
      ? Math.min(
          Math.max((state.errorUpdatedAt - state.dataUpdatedAt) / 2, every),
          Math.max(LONGEST, every),
        )
      : every;
}

interface Outage {
  error: Error;
  /** When what is shown was true, in milliseconds since 1970. */
  since: number;
}

/** Why what is shown is older than it should be, and how old; else null. */
export function useOutage(): Outage | null {
  const client = useQueryClient();
  const [outage, setOutage] = useState<Outage | null>(null);

  useEffect(() => {
    const cache = client.getQueryCache();
    let known = 0;

    function look() {
      const failing = cache
        .findAll({ type: "active" })
        .filter(isStale)
        .sort((a, b) => a.state.dataUpdatedAt - b.state.dataUpdatedAt);
      const since = failing[0]?.state.dataUpdatedAt;
      const error = failing[0]?.state.error ?? null;

      // what one got, others may get now
      if (failing.length > 0 && failing.length < known) {
        void client.refetchQueries(
          { type: "active", predicate: isStale },
          { cancelRefetch: false },
        );
      }
      known = failing.length;
      setOutage((before) =>
        since === undefined || error === null
          ? null
          : before?.since === since && before.error.message === error.message
            ? before
            : { error, since },
      );
    }
    look();
    return cache.subscribe(look);
  }, [client]);

  return outage;
}

function isStale({ state: { data, error } }: Query) {
  return data !== undefined && isAway(error);
}

/** Whether it may well be over by itself. */
export function isAway(error: Error | null) {
  return (
    error instanceof Away || (error instanceof Problem && error.status >= 500)
  );
}
