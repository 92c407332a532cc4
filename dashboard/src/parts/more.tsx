import type { Pages } from "../api/pages";
import { formatNumber } from "../format";
import { texts } from "../texts";
import { Button } from "./button";

/** Below a list: how much of it is shown, and the way to more. */
export function More<Item>({ pages }: { pages: Pages<Item> }) {
  const { query, items } = pages;

  // a search may find nothing yet, and go on
  if (!items || (items.length === 0 && !query.hasNextPage)) {
    return null;
  }
  return (
    <div className="flex items-center gap-3 py-3">
      <p className="text-muted" role="status">
        {texts.shown(formatNumber(items.length), query.hasNextPage)}
      </p>
      {query.hasNextPage && (
        <Button
          busy={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          {texts.more}
        </Button>
      )}
    </div>
  );
}
