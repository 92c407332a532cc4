import { useSearchParams } from "wouter";

/** Filters that live in the page's address, so that a link brings them back. */
export function useFilters<Name extends string>(names: readonly Name[]) {
  const [search, setSearch] = useSearchParams();
  const filters: Partial<Record<Name, string>> = {};

  for (const name of names) {
    const value = search.get(name);
    if (value) {
      filters[name] = value;
    }
  }

  function setFilter(name: Name, value: string) {
    setSearch(
      (before) => {
        const after = new URLSearchParams(before);
        if (value) {
          after.set(name, value);
        } else {
          after.delete(name);
        }
        return after;
      },
      { replace: true },
    );
  }

  return [filters, setFilter] as const;
}
