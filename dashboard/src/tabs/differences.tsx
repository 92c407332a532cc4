// Where a shadow policy would decide otherwise than the one in force.

import { useState } from "react";
import { usePages } from "../api/pages";
import type { Difference } from "../api/types";
import { formatNumber } from "../format";
import { Button } from "../parts/button";
import { Dialog } from "../parts/dialog";
import { SelectField } from "../parts/field";
import { More } from "../parts/more";
import { Answered, Empty } from "../parts/states";
import { Table } from "../parts/table";
import { Time } from "../parts/time";
import { texts } from "../texts";
import { Verdict, Why } from "./decision";

const HOUR = 3600_000;

const since = (hours: string) =>
  new Date(Date.now() - Number(hours) * HOUR).toISOString();

export function Differences() {
  const [period, setPeriod] = useState(() => ({ hours: "24", from: since("24") }));
  const pages = usePages<Difference>(
    "/api/admin/policy/differences", { from: period.from }, 50, 300_000,
  );
  const [shown, setShown] = useState<string | null>(null);

  return (
    <section className="mb-6">
      <h2 className="mb-2 text-base font-semibold">{texts.differences}</h2>
      <div className="mb-3 max-w-48">
        <SelectField
          label={texts.period}
          value={period.hours}
          options={texts.periods}
          onChange={(hours) => setPeriod({ hours, from: since(hours) })}
        />
      </div>
      <Answered query={{ ...pages.query, data: pages.items }}>
        {(items) =>
          items.length === 0 ? (
            <Empty>{texts.noDifferences}</Empty>
          ) : (
            <DifferenceTable items={items} onShow={setShown} />
          )
        }
      </Answered>
      <More pages={pages} />
      {shown && (
        <Dialog title={texts.example} onClose={() => setShown(null)}>
          <Why id={shown} />
        </Dialog>
      )}
    </section>
  );
}

function DifferenceTable({ items, onShow }: {
  items: Difference[];
  onShow: (id: string) => void;
}) {
  return (
    <Table
      caption={texts.differences}
      rows={items}
      keyOf={({ request_id }) => request_id}
      columns={[
        {
          head: texts.route,
          cell: ({ method, route }) => (
            <code className="break-all">
              {method} {route ?? texts.noRoute}
            </code>
          ),
        },
        {
          head: texts.decision,
          cell: ({ decision }) => <Verdict word={decision} />,
        },
        {
          head: texts.shadow,
          cell: ({ shadow }) => (
            <>
              <Verdict word={shadow.decision} />{" "}
              {[shadow.reason, shadow.missing_permission].filter(Boolean).join(": ")}
            </>
          ),
        },
        { head: texts.count, cell: ({ count }) => formatNumber(count) },
        {
          head: texts.lastSeen,
          cell: ({ last_seen }) => <Time value={last_seen} ago />,
          wide: true,
        },
        {
          head: texts.example,
          cell: ({ request_id }) => (
            <Button onClick={() => onShow(request_id)}>{texts.explain}</Button>
          ),
        },
      ]}
    />
  );
}
