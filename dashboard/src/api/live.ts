// What a page shows live: polled, ever more rarely while it fails, and marked
// stale when it is older than it should be.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call } from "./client";

const LONGEST = 60_000;

/** The answer of a GET call, asked again every so many milliseconds. */
export function useLive<Answer>(
  path: string,
  every = 5000,
  options: { alsoGood?: number; enabled?: boolean } = {},
) {
  const { alsoGood: status } = options;
  const alsoGood = status === undefined ? {} : { alsoGood: status };
  const query = useQuery({
    queryKey: [path],
    queryFn: ({ signal }) =>
      call<Answer>("GET", path, { signal, ...alsoGood }),
    enabled: options.enabled ?? true,
    placeholderData: keepPreviousData,
    retry: false,
    refetchInterval: ({ state }) =>
      state.status === "error"
        ? Math.min(every * 2 ** Math.min(state.errorUpdateCount, 4), LONGEST)
        : every,
  });
  const now = useNow(1000);
  const stale =
    query.dataUpdatedAt > 0 && now - query.dataUpdatedAt > 3 * every + 2000;

  return { ...query, stale };
}

/** The time, anew every so many milliseconds. */
export function useNow(every: number) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
