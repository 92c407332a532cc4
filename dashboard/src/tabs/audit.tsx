import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call, open, withQuery } from "../api/client";
import { useFilters } from "../api/filters";
import { pause } from "../api/live";
import { usePages } from "../api/pages";
import type { AuditEvent, News } from "../api/types";
import { formatNumber } from "../format";
import { Badge } from "../parts/badge";
import { Button } from "../parts/button";
import { Dialog } from "../parts/dialog";
import { SelectField, TextField } from "../parts/field";
import { More } from "../parts/more";
import { Page } from "../parts/page";
import { Answered, describe, Empty } from "../parts/states";
import { Table } from "../parts/table";
import { Time } from "../parts/time";
import { actions } from "../tables";
import { texts } from "../texts";
import { CheckDialog, WhyDialog } from "./decision";
import { EventDetails } from "./event";
import { Statistics } from "./figures";
import { IntegrityDialog } from "./integrity";

const PATH = "/api/admin/audit-logs";
const NAMES = [
  "q", "action", "user_email", "user_id", "resource_type", "resource_id",
  "ip_address", "success", "from", "to",
] as const;

const TOOLS = [
  [texts.whyDenied, WhyDialog],
  [texts.policyCheck, CheckDialog],
  [texts.integrity, IntegrityDialog],
] as const;

type Filters = Partial<Record<(typeof NAMES)[number], string>>;

export function Outcome({ event }: { event: AuditEvent }) {
  if (event.success === null) {
    return <Badge tone="warn">{texts.unknown}</Badge>;
  }
  return event.success ? (
    <Badge tone="good">{texts.succeeded}</Badge>
  ) : (
    <Badge tone="bad">{texts.failed}</Badge>
  );
}

export function Audit() {
  const [filters, setFilter] = useFilters(NAMES);
  const query = toQuery(filters);
  const pages = usePages<AuditEvent>(PATH, query);
  const [shown, setShown] = useState<AuditEvent | null>(null);
  const [live, setLive] = useState(false);
  const [tool, setTool] = useState(-1);
  const Tool = TOOLS[tool]?.[1];

  return (
    <Page
      title={texts.audit}
      actions={
        <>
          <label className="flex items-center gap-2">
            <input
              type="checkbox"
              checked={live}
              onChange={(event) => setLive(event.target.checked)}
            />
            {texts.live}
          </label>
          {TOOLS.map(([name], number) => (
            <Button key={name} onClick={() => setTool(number)}>
              {name}
            </Button>
          ))}
          <Export query={query} />
        </>
      }
    >
      <FilterFields filters={filters} setFilter={setFilter} />
      <Statistics />
      <Newer
        query={query}
        items={pages.items}
        live={live}
        onShow={() => void pages.query.refetch()}
      />
      <Answered query={{ ...pages.query, data: pages.items }}>
        {(events) =>
          events.length === 0 ? (
            <Empty>{texts.noEvents}</Empty>
          ) : (
            <Events events={events} onShow={setShown} />
          )
        }
      </Answered>
      <More pages={pages} />
      {Tool && <Tool onClose={() => setTool(-1)} />}
      {shown && (
        <Dialog wide title={shown.action} onClose={() => setShown(null)}>
          <EventDetails event={shown} />
        </Dialog>
      )}
    </Page>
  );
}

// The fields of the form give local times, the API takes UTC.
function toQuery(filters: Filters) {
  const query: Record<string, string> = { ...filters };
  for (const name of ["from", "to"] as const) {
    const time = new Date(filters[name] ?? "");
    if (filters[name] && !Number.isNaN(time.getTime())) {
      query[name] = time.toISOString();
    } else {
      delete query[name];
    }
  }
  return query;
}

function FilterFields({
  filters, setFilter,
}: {
  filters: Filters;
  setFilter: (name: (typeof NAMES)[number], value: string) => void;
}) {
  // on a narrow screen they would push the log itself out of it
  const [isOpen, setOpen] = useState(false);
  const text = (name: (typeof NAMES)[number], label: string, type = "search") => (
    <TextField
      label={label}
      type={type}
      step={type === "datetime-local" ? 1 : undefined}
      value={filters[name] ?? ""}
      onChange={(value) => setFilter(name, value)}
    />
  );

  return (
    <search className="mb-4 grid gap-3 sm:grid-cols-3 xl:grid-cols-5">
      {text("q", texts.searchEvents)}
      <Button
        className="sm:hidden"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {texts.filters}
      </Button>
      <div className={`${isOpen ? "grid" : "hidden"} gap-3 sm:contents`}>
        <SelectField
          label={texts.action}
          value={filters.action ?? ""}
          options={[
            ["", texts.all],
            ...actions.map(({ name }) => [name, name] as const),
          ]}
          onChange={(value) => setFilter("action", value)}
        />
        {text("user_email", texts.email)}
        {text("user_id", texts.userId)}
        <SelectField
          label={texts.outcome}
          value={filters.success ?? ""}
          options={[
            ["", texts.all],
            ["true", texts.succeeded],
            ["false", texts.failed],
          ]}
          onChange={(value) => setFilter("success", value)}
        />
        {text("resource_type", texts.resourceType)}
        {text("resource_id", texts.resourceId)}
        {text("ip_address", texts.address)}
        {text("from", texts.from, "datetime-local")}
        {text("to", texts.to, "datetime-local")}
      </div>
    </search>
  );
}

function Events({
  events, onShow,
}: {
  events: AuditEvent[];
  onShow: (event: AuditEvent) => void;
}) {
  return (
    <Table
      caption={texts.audit}
      rows={events}
      keyOf={(event) => event.id}
      columns={[
        { head: texts.time, cell: (event) => <Time value={event.timestamp} /> },
        {
          head: texts.action,
          cell: (event) => (
            <button
              type="button"
              onClick={() => onShow(event)}
              className="font-medium text-accent underline-offset-2 hover:underline"
            >
              {event.action}
            </button>
          ),
        },
        {
          head: texts.who,
          cell: (event) =>
            event.user_email ?? <span className="text-muted">{texts.nobody}</span>,
        },
        {
          head: texts.resource,
          cell: (event) =>
            [event.resource_type, event.resource_id].filter(Boolean).join(" "),
        },
        {
          head: texts.call,
          cell: ({ details: { method, path } }) => (
            <code className="text-xs break-all">
              {[method, path].filter(Boolean).join(" ")}
            </code>
          ),
          wide: true,
        },
        {
          head: texts.outcome,
          cell: (event) => (
            <>
              <Outcome event={event} />
              {event.error_message && (
                <span className="mt-1 block min-w-32 text-xs break-words text-muted">
                  {event.error_message}
                </span>
              )}
            </>
          ),
        },
        {
          head: texts.address,
          cell: (event) => event.ip_address,
          wide: true,
        },
      ]}
    />
  );
}

/** Tells of newer events; they come into the list only when asked for. */
function Newer({
  query, items: shown, live, onShow,
}: {
  query: Record<string, string>;
  items: AuditEvent[] | undefined;
  live: boolean;
  onShow: () => void;
}) {
  const after = shown?.[0]?.id;
  const { data } = useQuery({
    queryKey: [PATH, "newer", query, after],
    queryFn: ({ signal }) =>
      call<News>("GET", withQuery(`${PATH}/newer`, { ...query, after }), { signal }),
    refetchInterval: pause(live ? 2000 : 10_000),
    enabled: shown !== undefined,
    retry: false,
  });
  const count = data?.count ?? 0;

  useEffect(() => {
    if (live && count > 0) {
      onShow();
    }
  }, [live, data]);

  if (count === 0 || live) {
    return null;
  }
  return (
    <p className="mb-3" role="status">
      <Button onClick={onShow}>
        {texts.newer(count, data?.more ?? false)}
      </Button>
    </p>
  );
}

function Export({ query }: { query: Record<string, string> }) {
  const [progress, setProgress] = useState<string | null>(null);
  const [busy, setBusy] = useState<AbortController | null>(null);

  async function download() {
    const abort = new AbortController();
    setBusy(abort);
    try {
      const response = await open("GET", withQuery(PATH, query), {
        accept: "text/csv",
        signal: abort.signal,
      });
      const parts: BlobPart[] = [];
      let size = 0;
      const reader = response.body!.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) {
          break;
        }
        parts.push(value);
        size += value.length;
        setProgress(texts.exported(formatNumber(Math.round(size / 1024))));
      }
      save(new Blob(parts, { type: "text/csv" }), "audit-logs.csv");
      setProgress(texts.saved(formatNumber(Math.ceil(size / 1024))));
    } catch (error) {
      setProgress(
        abort.signal.aborted ? null : describe(error as Error),
      );
    } finally {
      setBusy(null);
    }
  }

  return (
    <>
      {progress && <span role="status">{progress}</span>}
      {busy ? (
        <Button onClick={() => busy.abort()}>{texts.cancel}</Button>
      ) : (
        <Button onClick={() => void download()}>{texts.exportCsv}</Button>
      )}
    </>
  );
}

function save(blob: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // some browsers begin to read it a while after the click
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
