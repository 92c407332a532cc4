"""What is too old goes, in batches that hold no lock for long: events of mails,
figures of days, files.  Mails stay, for none may be sent twice."""

import datetime

from ..core import database, settings
from . import daily, files

BATCH = 5000

OLD = {
    "email_events": "delete from mail.email_events where id in (select id from mail.email_events"
                    " where at < %s limit %s)",
    "daily_metrics": "delete from mail.daily_metrics where (day, campaign_id) in ("
                     "select day, campaign_id from mail.daily_metrics where day < %s limit %s)",
    "beat_runs": "delete from mail.beat_runs where (entry, slot) in (select entry, slot from mail.beat_runs"
                 " where slot < least(%s, now() - interval '30 days') limit %s)",
}


def clean(older_than_days=None):
    """Returns how many rows and files are gone."""
    days = older_than_days or settings.ANALYTICS_DAYS
    before = daily.today() - datetime.timedelta(days)
    gone = {}
    for name, statement in OLD.items():
        gone[name] = 0
        while count := database.count(statement, before, BATCH):
            gone[name] += count
    gone["files"] = expired_files()
    return {"before": str(before), **gone}


def expired_files():
    """Files go first: a row without one says so, one without a row says nothing."""
    old = database.rows(
        "select id, file, 'exports' as kind from mail.exports where expires_at < now()"
        " union all select id, file, 'reports' from mail.reports where created_at < now() - %s",
        files.LIFETIME)
    for row in old:
        files.remove(row["file"])
        database.rows(f"delete from mail.{row['kind']} where id = %s", row["id"])
    return len(old)
