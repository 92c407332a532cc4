"""The figures of one campaign go into mail.campaign_figures."""

import math

from psycopg.types.json import Jsonb

from ..core import database, source

# each message counts once for each kind of event
TOTALS = """
with f as (
    select m.id, m.status, m.sent_at, m.recipient,
        min(e.at) filter (where e.kind = 'open' and not e.is_machine) as opened,
        min(e.at) filter (where e.kind = 'click' and not e.is_machine) as clicked,
        bool_or(e.kind = 'open' and e.is_machine) as machine,
        bool_or(e.kind = 'bounce') as bounced, bool_or(e.kind = 'soft_bounce') as soft,
        bool_or(e.kind = 'unsubscribe') as unsubscribed, bool_or(e.kind = 'complaint') as complained,
        bool_or(e.kind = 'reply') as replied
    from mail.messages m
    left join mail.email_events e on e.message_id = m.id
    where m.campaign_id = %s
    group by m.id
)
select
    count(*) filter (where sent_at is not null) as sent,
    count(*) filter (where status = 'rejected') as rejected,
    count(*) filter (where status = 'suppressed') as suppressed,
    count(*) filter (where bounced) as bounced,
    count(*) filter (where soft and bounced is not true) as soft_bounced,
    count(*) filter (where opened is not null or clicked is not null) as opened,
    count(*) filter (where clicked is not null) as clicked,
    count(*) filter (where machine and opened is null and clicked is null) as machine_only,
    count(*) filter (where unsubscribed) as unsubscribed,
    count(*) filter (where complained) as complained,
    count(*) filter (where replied) as replied,
    percentile_cont(0.5) within group (order by extract(epoch from least(opened, clicked) - sent_at))
        as median_seconds_to_open
from f
"""

BY_DOMAIN = """
select lower(split_part(m.recipient, '@', 2)) as domain, count(*) as sent,
    count(*) filter (where exists (
        select from mail.email_events e where e.message_id = m.id and e.kind in ('open', 'click')
            and not e.is_machine)) as opened
from mail.messages m
where m.campaign_id = %s and m.sent_at is not null
group by 1 order by 2 desc, 1 limit 20
"""

BY_LINK = """
select e.url, count(distinct e.message_id) as clicked
from mail.email_events e join mail.messages m on m.id = e.message_id
where m.campaign_id = %s and e.kind = 'click' and not e.is_machine and e.url is not null
group by 1 order by 2 desc, 1 limit 20
"""


def rate(part, whole):
    """A share with Wilson's 95 % interval; None without any."""
    if not whole:
        return None
    z, share = 1.959964, part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    width = z / (1 + z * z / whole) * math.sqrt(
        share * (1 - share) / whole + z * z / (4 * whole * whole))
    return {"rate": round(share, 4), "low": round(max(0, middle - width), 4),
            "high": round(min(1, middle + width), 4)}


def calculate(campaign_id):
    """Returns and stores the figures.  Failure: there is no such campaign."""
    source.campaign(campaign_id)
    totals = database.row(TOTALS, campaign_id)
    median = totals.pop("median_seconds_to_open")
    delivered = totals["sent"] - totals["bounced"]
    figures = {
        "campaign_id": campaign_id, "leads": source.count(campaign_id), **totals, "delivered": delivered,
        "open_rate": rate(totals["opened"], delivered),
        "click_rate": rate(totals["clicked"], delivered),
        "click_to_open_rate": rate(totals["clicked"], totals["opened"]),
        "bounce_rate": rate(totals["bounced"], totals["sent"]),
        "unsubscribe_rate": rate(totals["unsubscribed"], delivered),
        "median_seconds_to_open": None if median is None else round(float(median)),
        "domains": database.rows(BY_DOMAIN, campaign_id), "links": database.rows(BY_LINK, campaign_id),
    }
    database.rows(
        "insert into mail.campaign_figures (campaign_id, figures) values (%s, %s)"
        " on conflict (campaign_id) do update set figures = excluded.figures,"
        " calculated_at = now()", campaign_id, Jsonb(figures))
    return figures
