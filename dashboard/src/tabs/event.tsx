// One event of the audit log: what changed as before and after, and the rest.

import { useState } from "react";
import { Link } from "wouter";
import type { AuditEvent } from "../api/types";
import { formatDuration } from "../format";
import { Button } from "../parts/button";
import { Row } from "../parts/row";
import { Time } from "../parts/time";
import { texts } from "../texts";
import { Outcome } from "./audit";
import { Why } from "./decision";

type Change = { from?: unknown; to?: unknown };

const show = (value: unknown) =>
  typeof value === "string" ? value : JSON.stringify(value);

function changesOf(event: AuditEvent): [string, Change][] {
  const { changes, from, to } = event.details;
  if (changes && typeof changes === "object") {
    return Object.entries(changes as Record<string, Change>);
  }
  return from !== undefined || to !== undefined
    ? [[event.resource_type ?? "", { from, to }]]
    : [];
}

function openSeconds({ details: { captured } }: AuditEvent) {
  return (captured as { seconds?: unknown } | undefined)?.seconds;
}

export function EventDetails({ event }: { event: AuditEvent }) {
  const [asked, setAsked] = useState(false);
  const ended = event.action === "access_ended";
  const seconds = ended && openSeconds(event);
  // the end of what was let in before: that is what somebody decided on
  const question = ended ? texts.howItBegan : texts.whyDenied;
  const changes = changesOf(event);
  const rest = Object.entries(event.details).filter(
    ([name]) => !["changes", "from", "to"].includes(name),
  );

  return (
    <div className="grid grid-cols-1 gap-4">
      <dl className="grid grid-cols-[8rem_minmax(0,1fr)] gap-y-1">
        <Row name={texts.time}>
          <Time value={event.timestamp} />
        </Row>
        <Row name={texts.who}>
          {event.user_id === null ? (
            (event.user_email ?? texts.nobody)
          ) : (
            <Link href={`/users/${event.user_id}`} className="text-accent underline">
              {event.user_email ?? event.user_id}
            </Link>
          )}
        </Row>
        <Row name={texts.resource}>
          {[event.resource_type, event.resource_id].filter(Boolean).join(" ") || "–"}
        </Row>
        <Row name={texts.outcome}>
          <Outcome event={event} /> {event.error_message}
        </Row>
        {typeof seconds === "number" && (
          <Row name={texts.wasOpen}>{formatDuration(seconds)}</Row>
        )}
        <Row name={texts.address}>{event.ip_address ?? "–"}</Row>
        <Row name={texts.agent}>{event.user_agent ?? "–"}</Row>
        <Row name={texts.requestId}>
          <code>{event.id}</code>
        </Row>
      </dl>
      {(event.success === false || ended) && (
        <section>
          {asked ? (
            <>
              <h3 className="mb-1 font-semibold">{question}</h3>
              <Why id={(ended && event.resource_id) || event.id} />
            </>
          ) : (
            <Button onClick={() => setAsked(true)}>{question}</Button>
          )}
        </section>
      )}
      {changes.length > 0 && (
        <section>
          <h3 className="mb-1 font-semibold">{texts.changes}</h3>
          <dl className="grid gap-1">
            {changes.map(([field, { from, to }]) => (
              <div key={field} className="rounded-md bg-sunken p-2">
                <dt className="text-xs text-muted">{field}</dt>
                <dd className="break-words">
                  {from === undefined && to === undefined ? (
                    texts.changed
                  ) : (
                    <>
                      <del className="rounded bg-bad-soft px-1 text-bad">
                        {show(from)}
                      </del>
                      {" → "}
                      <ins className="rounded bg-good-soft px-1 text-good no-underline">
                        {show(to)}
                      </ins>
                    </>
                  )}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      <section>
        <h3 className="mb-1 font-semibold">{texts.details}</h3>
        <dl className="grid grid-cols-[8rem_minmax(0,1fr)] gap-y-1">
          {rest.map(([name, value]) => (
            <Row key={name} name={name}>
              <code className="break-all">{show(value)}</code>
            </Row>
          ))}
        </dl>
      </section>
    </div>
  );
}
