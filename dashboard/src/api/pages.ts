// Lists that come in pages.  What has been read stays where it is: the next
// page goes below it, and new rows come when the first is asked again.

import { useInfiniteQuery } from "@tanstack/react-query";
import { useDeferredValue } from "react";
import { call, withQuery } from "./client";
import { pause } from "./live";
import type { Page } from "./types";

export function usePages<Item>(
  path: string,
  filters: Partial<Record<string, string>>,
  limit = 50,
  every?: number,
) {
  const settled = useDeferredValue(JSON.stringify(filters));
  const query = useInfiniteQuery({
    queryKey: [path, settled],
    queryFn: ({ pageParam, signal }) =>
      call<Page<Item>>(
        "GET",
        withQuery(path, { ...JSON.parse(settled), limit, cursor: pageParam }),
        { signal },
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    retry: false,
    refetchInterval: every === undefined ? false : pause(every),
    refetchOnWindowFocus: false,
  });

  return { query, items: query.data?.pages.flatMap(({ items }) => items) };
}

export type Pages<Item> = ReturnType<typeof usePages<Item>>;
