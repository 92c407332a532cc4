"""Openings and clicks, as the gateway counted them, become events of mails; who
unsubscribed by a link gets no more."""

import datetime
import ipaddress
import re
import uuid

from ..core import database
from ..core.errors import Failure

# scanners and libraries; Gmail's image proxy asks when somebody reads
MACHINES = re.compile(
    r"bot\b|crawl|spider|scan|preview|barracuda|proofpoint|mimecast|safelinks|"
    r"curl|wget|python|java/|go-http|libwww|headless|okhttp|monitor", re.I)
# what Apple's Mail says when it loads all images beforehand
PREFETCH = "Mozilla/5.0"
TOO_SOON = datetime.timedelta(seconds=2)

STORE = """
insert into mail.email_events (id, message_id, kind, at, is_machine, ip_address, user_agent, url)
select h.id, m.id, h.kind, h.at,
    h.kind <> 'unsubscribe' and (h.is_machine or (m.sent_at is not null and h.at < m.sent_at + %s)),
    h.ip_address, h.user_agent, h.url
from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[], %s::boolean[], %s::inet[],
    %s::text[], %s::text[]) as h (id, message_id, kind, at, is_machine, ip_address, user_agent, url)
join mail.messages m on m.id = h.message_id
on conflict (id) do nothing
"""

SUPPRESS = """
insert into mail.suppressions (address, reason, message_id, detail)
select distinct on (1) lower(btrim(m.recipient)), 'unsubscribed', m.id, 'by the link in a mail'
from mail.messages m
where m.id = any(%s)
order by 1
on conflict (address) do nothing
"""


def is_machine(user_agent):
    """Whether a program asked, and nobody has read."""
    return not user_agent or user_agent == PREFETCH or bool(MACHINES.search(user_agent))


def checked(hit):
    """A hit as a row.  Failure: it is not one."""
    try:
        if hit["kind"] not in ("open", "click", "unsubscribe"):
            raise ValueError(hit["kind"])
        address = hit.get("ip_address")
        agent = (hit.get("user_agent") or "").replace("\0", "")[:1024]
        url = hit.get("url")
        at = datetime.datetime.fromisoformat(hit["at"].replace("Z", "+00:00"))
        if at.tzinfo is None:
            raise ValueError("at")
        return (uuid.UUID(hit["id"]), uuid.UUID(hit["message"]), hit["kind"], at, is_machine(agent),
                str(ipaddress.ip_address(address)) if address else None, agent or None,
                url and url.replace("\0", "")[:2048])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Failure(f"A hit is malformed: {type(error).__name__}: {error}.") from error


def store(hits):
    """Stores hits; those that are there, or of unknown mails, are left out.
    Returns {"hits", "stored"}."""
    rows = [checked(hit) for hit in hits]
    unsubscribed = [message for _, message, kind, *_ in rows if kind == "unsubscribe"]
    with database.transaction():
        stored = database.count(STORE, TOO_SOON, *map(list, zip(*rows)))
        if unsubscribed:
            database.count(SUPPRESS, unsubscribed)
    return {"hits": len(hits), "stored": stored}
