"""What is in the mailbox of bounces becomes events of mails and suppressed
addresses.  A mail whose id is not ours changes nothing: anybody can write that
somebody else's address is dead."""

import collections
import contextlib
import hashlib
import uuid

from psycopg.types.json import Jsonb

from ..core import database
from . import mailbox, report, suppression

EVENTS = {"hard": "bounce", "soft": "soft_bounce", "delayed": "delay",
          "complaint": "complaint", "unsubscribe": "unsubscribe", "answer": "reply"}
SUPPRESSED = {"hard": "bounced", "complaint": "complained", "unsubscribe": "unsubscribed"}
# mails to one address that bounced softly within 90 days: it is dead
SOFT_LIMIT = 3


def process(limit=1000):
    """Reads up to so many mails.  Returns how many there were of each kind;
    "unknown": about none of our mails."""
    counts = collections.Counter()
    with contextlib.closing(mailbox.mailbox()) as box, database.lock("bounces"):
        for name, raw in box.unread(limit):
            verdict = report.parse(raw)
            is_known = apply(verdict, raw)
            counts[verdict.kind if is_known or verdict.kind == "unparsable" else "unknown"] += 1
            box.done(name, verdict.kind == "unparsable")
    return {"read": sum(counts.values()), **counts}


def apply(verdict, raw):
    """One mail's consequences, all or none; applied twice they are the same.
    Returns whether it is about a mail of ours."""
    with database.transaction():
        message = verdict.message and database.row(
            "select id, recipient from mail.messages where id = %s", verdict.message)
        if not message:
            return False
        kind = EVENTS.get(verdict.kind)
        if kind:
            digest = hashlib.sha256(message["id"].bytes + kind.encode() + raw).digest()
            database.rows(
                "insert into mail.email_events (id, message_id, kind, at, details)"
                " values (%s, %s, %s, now(), %s) on conflict (id) do nothing",
                uuid.UUID(bytes=digest[:16], version=5), message["id"], kind,
                Jsonb({"status": verdict.status, "detail": verdict.detail.replace("\0", "")}))
        why = SUPPRESSED.get(verdict.kind)
        if verdict.kind == "soft" and is_dead(message["recipient"]):
            why = "bounced"
        if why:
            suppression.add(message["recipient"], why, message["id"], verdict.detail.replace("\0", ""))
        if verdict.kind == "hard":
            database.rows("update mail.messages set status = 'bounced', error = %s, changed_at = now()"
                          " where id = %s and status = 'sent'", verdict.detail[:300].replace("\0", ""), message["id"])
    return True


def is_dead(recipient):
    return database.value(
        "select count(distinct m.id) from mail.messages m"
        " join mail.email_events e on e.message_id = m.id and e.kind = 'soft_bounce'"
        " where lower(m.recipient) = lower(%s) and e.at > now() - interval '90 days'",
        recipient) >= SOFT_LIMIT
