import type { ReactNode } from "react";

export interface Column<Row> {
  head: string;
  cell: (row: Row) => ReactNode;
  /** Left out on narrow screens. */
  wide?: boolean;
}

interface Props<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  keyOf: (row: Row) => string | number;
}

/** A table that scrolls sideways inside its card, and by keyboard, too. */
export function Table<Row>({ caption, columns, rows, keyOf }: Props<Row>) {
  const shown = (column: Column<Row>) =>
    column.wide ? "hidden lg:table-cell" : "";

  return (
    <div
      role="region"
      aria-label={caption}
      tabIndex={0}
      className="overflow-x-auto rounded-lg border border-line bg-surface"
    >
      <table className="w-full border-collapse text-left">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="border-b border-line text-xs text-muted">
            {columns.map((column) => (
              <th
                key={column.head}
                scope="col"
                className={`px-3 py-2 font-medium whitespace-nowrap ${shown(column)}`}
              >
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={keyOf(row)}
              className="border-b border-line last:border-0 hover:bg-sunken/60"
            >
              {columns.map((column) => (
                <td
                  key={column.head}
                  className={`px-3 py-2 align-top ${shown(column)}`}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
