"""calculate_daily_metrics: figures of days, as often as wanted."""

import datetime
import uuid

import pytest

from app.core.errors import Failure
from app.figures import daily

DAY = "2026-11-02"


def message(database, campaign, at=None, status="sent"):
    return database.value(
        "insert into mail.messages (campaign_id, lead_id, kind, recipient, status, sent_at, changed_at)"
        " values (%s, (random() * 1e9)::bigint, 'campaign', 'a@b', %s, %s, %s) returning id",
        campaign, status, at if status in ("sent", "bounced") else None, at)


def event(database, message, kind, at, is_machine=False):
    database.rows("insert into mail.email_events (id, message_id, kind, at, is_machine) values (%s, %s, %s, %s, %s)",
                  uuid.uuid4(), message, kind, at, is_machine)


def figures(database, day=DAY):
    return database.rows("select campaign_id, sent, rejected, suppressed, opened, clicked, bounced, unsubscribed,"
                         " machine_opens from mail.daily_metrics where day = %s order by 1", day)


@pytest.fixture
def mails(database):
    first = message(database, 1, f"{DAY}T00:00Z")
    message(database, 1, f"{DAY}T23:59:59.9Z")
    message(database, 1, "2026-11-03T00:00Z")
    message(database, 1, f"{DAY}T08:00Z", "rejected")
    message(database, 2, f"{DAY}T08:00Z", "suppressed")
    event(database, first, "open", f"{DAY}T09:00Z")
    event(database, first, "open", f"{DAY}T10:00Z")
    event(database, first, "open", "2026-11-03T10:00Z")
    event(database, first, "open", f"{DAY}T09:00Z", True)
    event(database, first, "click", "2026-11-03T10:00Z")
    event(database, first, "unsubscribe", f"{DAY}T10:00Z")
    return first


EXPECTED = [(1, 2, 1, 0, 1, 0, 0, 1, 1), (2, 0, 0, 1, 0, 0, 0, 0, 0)]


def test_a_day(database, mails):
    assert daily.calculate(DAY) == {"from": DAY, "to": DAY, "rows": 2, "sent": 2}
    assert figures(database) == EXPECTED
    assert figures(database, "2026-11-03") == []


def test_again_and_after_changes(database, mails):
    daily.calculate(DAY)
    assert daily.calculate(DAY)["rows"] == 2
    assert figures(database) == EXPECTED
    event(database, mails, "bounce", f"{DAY}T12:00Z")
    database.rows("delete from mail.messages where campaign_id = 2")
    daily.calculate(DAY)
    assert figures(database) == [(1, 2, 1, 0, 1, 0, 1, 1, 1)]


def test_days_before(database, mails):
    assert daily.calculate("2026-11-03", 3) == {"from": "2026-11-01", "to": "2026-11-03", "rows": 3, "sent": 3}
    assert figures(database) == EXPECTED
    # each message counts once, on the day of its first
    assert figures(database, "2026-11-03") == [(1, 1, 0, 0, 0, 1, 0, 0, 0)]


def test_yesterday_by_default(database):
    day = daily.today() - datetime.timedelta(1)
    message(database, 7, f"{day}T08:00Z")
    assert daily.calculate()["from"] == str(day)
    assert figures(database, day) == [(7, 1, 0, 0, 0, 0, 0, 0, 0)]


def test_the_future(database):
    with pytest.raises(Failure, match="not come"):
        daily.calculate("2999-01-01")

