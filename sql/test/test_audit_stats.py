"""Figures of the audit log: always those of its rows, whatever comes when."""

import datetime
import random

import psycopg2
import pytest
from conftest import event, now, refusal

T0 = datetime.datetime(2026, 11, 4, 10, 0, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)
ACTIONS = ["login", "lead_created", "campaign_updated"]


def stats(database, **query):
    status, body, _, _ = database.call("audit_stats", {"query": {
        name.rstrip("_"): value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in query.items()}})
    assert status == 200
    return body


def expected(events, first, beyond):
    chosen = [e for e in events if first <= e["timestamp"] < beyond]

    def count(name):
        values = [e[name] for e in chosen if e.get(name) is not None]
        return {value: values.count(value) for value in values}

    return {"total": len(chosen), "success": sum(e["success"] is True for e in chosen),
            "failure": sum(e["success"] is False for e in chosen),
            "by_action": count("action"), "by_resource_type": count("resource_type"), "users": count("user_id")}


def actual(body):
    users = {user["user_id"]: user["count"] for user in body["top_users"]}
    return {**{name: body[name] for name in ("total", "success", "failure", "by_action", "by_resource_type")},
            "users": users}


def chaos(count, seed):
    """Events in a stretch of ten hours, in no order."""
    pick = random.Random(seed)
    return [event(T0 + pick.random() * 10 * HOUR, user_id=pick.choice([None, 1, 2, 3]),
                  user_email=pick.choice([None, "ann@example.com"]), action=pick.choice(ACTIONS),
                  resource_type=pick.choice([None, "lead", "campaign"]),
                  success=pick.choice([True, False, None])) for _ in range(count)]


def test_figures_are_those_of_the_rows(database):
    """Late rows, repeated ones, and ends within an hour."""
    events = []

    for turn in range(4):
        fresh = chaos(150, turn)
        database.ingest(*fresh)
        database.ingest(*fresh[:50])
        events += fresh

        for first, beyond in ((T0, T0 + 10 * HOUR), (T0 + HOUR / 7, T0 + 6.3 * HOUR), (T0 + 1.2 * HOUR, T0 + 1.7 * HOUR),
                              (T0 + 1.2 * HOUR, T0 + 2.1 * HOUR), (T0 + 3 * HOUR, T0 + 4 * HOUR)):
            for width in ("hour", "day"):
                body = stats(database, from_=first, to=beyond, interval=width)
                assert actual(body) == expected(events, first, beyond), (first, beyond)
                assert sum(b["total"] for b in body["series"]) == body["total"]
                assert sum(b["failure"] for b in body["series"]) == body["failure"]

    assert database.value("select sum(events) from public.audit_hours") == len(events)
    assert database.value("select count(*) from public.audit_hours where not folded") == 0
    assert database.value("select max(n) from (select count(*) from public.audit_hours"
                          " group by hour, action, resource_type, success) c (n)") == 1


def test_buckets_have_no_holes(database):
    database.ingest(event(T0), event(T0 + 2.5 * HOUR, success=False))
    series = stats(database, from_=T0, to=T0 + 4 * HOUR)["series"]
    assert [(b["bucket"][11:13], b["total"], b["failure"]) for b in series] == [
        ("10", 1, 0), ("11", 0, 0), ("12", 1, 1), ("13", 0, 0)]
    series = stats(database, from_=T0 - 48 * HOUR, to=T0 + 24 * HOUR, interval="day")["series"]
    assert [(b["bucket"], b["total"]) for b in series] == [
        ("2026-11-02T00:00:00.000000Z", 0), ("2026-11-03T00:00:00.000000Z", 0),
        ("2026-11-04T00:00:00.000000Z", 2), ("2026-11-05T00:00:00.000000Z", 0)]


def test_the_last_day_when_nothing_is_said(database):
    database.ingest(event(), event(now() - 23 * HOUR), event(now() - 26 * HOUR))
    body = stats(database)
    assert (body["total"], len(body["series"])) in ((2, 25), (2, 26))


def test_rows_that_come_in_together_with_a_fold_are_counted_once(database):
    def work(number, connection):
        for turn in range(15):
            if number < 2:
                database.call("audit_stats", {"query": {}}, on=connection)
            else:
                database.ingest(*[event(user_id=1) for _ in range(5)], on=connection)

    database.parallel(6, work)
    body = stats(database)
    assert body["total"] == 4 * 15 * 5 == body["top_users"][0]["count"]


def test_events_of_the_api_count(database):
    database.value("select private.audit(%s::jsonb, 'login', 1, 'a@b', 'user', '1', 200, '{}', null)",
                   '{"request_id": "%s"}' % event()["id"])
    assert stats(database)["by_action"] == {"login": 1}


@pytest.mark.parametrize("name, value", [
    ("from", "x"), ("to", "2026-13-01T00:00:00Z"), ("interval", "minute"), ("interval", ""), ("limit", "1")])
def test_bad_parameters_are_named(untouched, name, value):
    with pytest.raises(psycopg2.Error) as raised:
        untouched.call("audit_stats", {"query": {name: value}})
    code, _, errors = refusal(raised)
    assert (code, [e["field"] for e in errors]) == ("LG422", [name])


def test_bounds(untouched):
    for query in ({"from_": T0, "to": T0}, {"from_": T0 - 10001 * HOUR, "to": T0}):
        with pytest.raises(psycopg2.Error) as raised:
            stats(untouched, **query)
        assert refusal(raised)[0] == "LG422"
    assert stats(untouched, from_=T0 - 10000 * HOUR, to=T0)["total"] == 0


def test_months_and_days_are_as_exact(database):
    """Ends at any hour, over whole and cut days and months, also with rows that came in after they were added up."""
    pick = random.Random(5)
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    events = []

    for _ in range(2):
        fresh = [event(start + pick.randrange(120 * 24) * HOUR, user_id=pick.choice([None, 1, 2, 3]),
                       action=pick.choice(ACTIONS), success=pick.choice([True, False])) for _ in range(800)]
        database.ingest(*fresh)
        events += fresh
        times = [0, 24 * 31, 24 * 59, 24 * 90] + [pick.randrange(120 * 24) for _ in range(6)]
        for first in times:
            for hours in (1, 5, 24, 40, 24 * 31, pick.randrange(1, 2000)):
                body = stats(database, from_=start + first * HOUR, to=start + (first + hours) * HOUR, interval="day")
                assert actual(body) == expected(events, start + first * HOUR, start + (first + hours) * HOUR), (
                    first, hours)
                assert sum(b["total"] for b in body["series"]) == body["total"]


def test_top_users_are_called_as_they_were_last(database):
    database.ingest(event(T0, user_id=1, user_email="old@example.com"),
                    event(T0 + HOUR, user_id=1, user_email="new@example.com"),
                    event(T0 + 5 * HOUR, user_id=1, user_email="later@example.com"))
    assert stats(database, from_=T0, to=T0 + 3 * HOUR)["top_users"] == [
        {"user_id": 1, "user_email": "new@example.com", "count": 2}]
