"""Figures of days go into mail.daily_metrics, one row for each campaign that had
mail or reactions on it.  A day that is worked out again replaces itself."""

import datetime

from ..core import database
from ..core.errors import Failure

# each message counts once, on the day of its first such event
CALCULATE = """
insert into mail.daily_metrics (
    day, campaign_id, sent, rejected, suppressed, opened, clicked, bounced,
    unsubscribed, machine_opens
)
select
    %(day)s, campaign_id, sum(sent), sum(rejected), sum(suppressed), sum(opened),
    sum(clicked), sum(bounced), sum(unsubscribed), sum(machine_opens)
from (
    select
        m.campaign_id,
        count(*) filter (where m.sent_at is not null) as sent,
        0 as rejected, 0 as suppressed, 0 as opened, 0 as clicked, 0 as bounced,
        0 as unsubscribed, 0 as machine_opens
    from mail.messages m
    where m.sent_at >= %(begin)s and m.sent_at < %(end)s
    group by m.campaign_id
    union all
    select
        m.campaign_id, 0,
        count(*) filter (where m.status = 'rejected'),
        count(*) filter (where m.status = 'suppressed'), 0, 0, 0, 0, 0
    from mail.messages m
    where m.status in ('rejected', 'suppressed')
        and m.changed_at >= %(begin)s and m.changed_at < %(end)s
    group by m.campaign_id
    union all
    select
        m.campaign_id, 0, 0, 0,
        count(*) filter (where f.kind = 'open' and not f.is_machine),
        count(*) filter (where f.kind = 'click' and not f.is_machine),
        count(*) filter (where f.kind = 'bounce'),
        count(*) filter (where f.kind = 'unsubscribe'),
        count(*) filter (where f.kind = 'open' and f.is_machine)
    from (
        select e.message_id, e.kind, e.is_machine, min(e.at) as at
        from mail.email_events e
        where e.message_id in (
            select n.message_id from mail.email_events n
            where n.at >= %(begin)s and n.at < %(end)s
        )
        group by e.message_id, e.kind, e.is_machine
    ) f
    join mail.messages m on m.id = f.message_id
    where f.at >= %(begin)s and f.at < %(end)s
    group by m.campaign_id
) parts
group by campaign_id
"""


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


def calculate(date=None, days=1):
    """Works out so many days, the last of which is date: 2026-11-23, or
    yesterday (UTC).  Returns {"from", "to", "rows", "sent"}."""
    last = datetime.date.fromisoformat(date) if date else today() - datetime.timedelta(1)
    if last > today():
        raise Failure(f"{last} has not come yet.")
    first = last - datetime.timedelta(days - 1)
    for number in range(days):
        calculate_day(first + datetime.timedelta(number))
    totals = database.row(
        "select count(*) as rows, coalesce(sum(sent), 0)::bigint as sent"
        " from mail.daily_metrics where day between %s and %s", first, last)
    return {"from": str(first), "to": str(last), **totals}


def calculate_day(day):
    begin = datetime.datetime.combine(day, datetime.time(), datetime.timezone.utc)
    values = {"day": day, "begin": begin, "end": begin + datetime.timedelta(1)}
    with database.transaction():
        # two at once would both delete, and then collide
        database.rows("select pg_advisory_xact_lock(hashtextextended(%s, 7))",
                      f"daily metrics {day}")
        database.rows("delete from mail.daily_metrics where day = %s", day)
        database.connection().execute(CALCULATE, values)
