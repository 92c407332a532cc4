"""What recipients did goes to the model, and what it learned into
mail.send_times."""

import datetime
import zoneinfo

from psycopg.types.json import Jsonb

from ..core import database, settings, source
from . import model

# the zone most people of a country live in
ZONES = {
    "AT": "Europe/Vienna", "AU": "Australia/Sydney", "BE": "Europe/Brussels", "BR": "America/Sao_Paulo",
    "CA": "America/Toronto", "CH": "Europe/Zurich", "CN": "Asia/Shanghai", "CZ": "Europe/Prague",
    "DE": "Europe/Berlin", "DK": "Europe/Copenhagen", "ES": "Europe/Madrid", "FI": "Europe/Helsinki",
    "FR": "Europe/Paris", "GB": "Europe/London", "IE": "Europe/Dublin", "IN": "Asia/Kolkata",
    "IT": "Europe/Rome", "JP": "Asia/Tokyo", "MX": "America/Mexico_City", "NL": "Europe/Amsterdam",
    "NO": "Europe/Oslo", "NZ": "Pacific/Auckland", "PL": "Europe/Warsaw", "PT": "Europe/Lisbon",
    "SE": "Europe/Stockholm", "SG": "Asia/Singapore", "US": "America/New_York", "ZA": "Africa/Johannesburg"}

ALL = 0
READ_WITHIN = datetime.timedelta(hours=24)
MOST = 500000

# mails that were out for a day, newest first
SENT = """
select m.lead_id, m.sent_at, exists (
    select from mail.email_events e
    where e.message_id = m.id and e.kind in ('open', 'click') and not e.is_machine
        and e.at < m.sent_at + %s
) as is_read
from mail.messages m
where m.sent_at < now() - %s and m.status in ('sent', 'bounced')
    and (%s::bigint is null or m.campaign_id = %s)
order by m.sent_at desc limit %s
"""


def zone(lead):
    """The time zone of a lead: its own, its country's, or MAIL_TIME_ZONE."""
    for name in (lead.get("time_zone"), ZONES.get(lead.get("country") or ""), settings.MAIL_TIME_ZONE):
        if name:
            try:
                return zoneinfo.ZoneInfo(name)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
                continue
    return datetime.timezone.utc


def segment(lead):
    return lead.get("country") or ""


def hour_of_week(moment, lead_zone):
    local = moment.astimezone(lead_zone)
    return local.weekday() * 24 + local.hour


def learn(campaign_id=None):
    """Learns from all mails, or from those of a campaign.

    Returns {"learned": true, "mails", "best", "segments": {name: hour of the
    week}} or {"learned": false, "because"}: then what was known before stays.
    """
    if campaign_id is not None:
        source.campaign(campaign_id)
    sent = database.rows(SENT, READ_WITHIN, READ_WITHIN, campaign_id, campaign_id, MOST)
    leads = source.some({row["lead_id"] for row in sent})
    known = [(row, leads[row["lead_id"]]) for row in sent if row["lead_id"] in leads]
    try:
        learned = model.learn(
            [hour_of_week(row["sent_at"], zone(lead)) for row, lead in known],
            [segment(lead) for _, lead in known], [row["is_read"] for row, _ in known])
    except model.TooFew as error:
        return {"learned": False, "because": str(error)}
    database.rows(
        "insert into mail.send_times (campaign_id, model) values (%s, %s)"
        " on conflict (campaign_id) do update set model = excluded.model, learned_at = now()",
        campaign_id or ALL, Jsonb(learned.as_json()))
    return {"learned": True, "mails": learned.mails, "best": learned.best(None),
            "segments": {name: learned.best(name) for name in learned.segments}}


def known(campaign_id):
    """The model of a campaign, or of all mails; None when nothing was learned."""
    value = database.value(
        "select model from mail.send_times where campaign_id in (%s, %s)"
        " order by campaign_id desc limit 1", campaign_id, ALL)
    return model.Model.from_json(value) if value else None
