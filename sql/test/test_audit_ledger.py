"""Seals, anchors and retention of the audit log, as the database sees them."""

import datetime
import hashlib
import time

import psycopg2
import pytest
from conftest import event, now, refusal
from psycopg2.errors import InsufficientPrivilege


def seal(database, on=None):
    """What a gateway does, with macs that nobody verifies; how many were sealed."""
    last, batches, ids, digests = waiting(database, on)
    return add(database, last, batches, ids, digests, on) if ids else 0


def waiting(database, on=None):
    rows = database.rows("select sequence, batches, ids::text[], digests from api.audit_unsealed()",
                         on=on or database.gateway)
    return rows[0] if rows else (None, [], [], [])


def add(database, last, batches, ids, digests, on=None):
    return database.value("select api.audit_seal(%s, %s, %s::uuid[], %s, %s)", last, batches, ids, digests, digests,
                          on=on or database.gateway)


def queued(database):
    return database.value("select coalesce(sum(cardinality(ids)), 0) from public.audit_unsealed")


def test_every_row_is_sealed_once(database):
    database.ingest(*[event() for _ in range(620)])
    database.value("select private.audit(%s::jsonb, 'login', 1, 'a@b', 'user', '1', 200, '{}', null)",
                   '{"request_id": "%s"}' % event()["id"])
    assert [seal(database), seal(database), seal(database)] == [500, 121, 0]
    assert database.rows("select min(sequence), max(sequence), count(*), count(distinct id) from public.audit_seals") == [
        (1, 621, 621, 621)]
    assert database.value("select stranger from api.audit_strangers(null)", on=database.gateway) is None


def test_what_is_sealed_is_what_is_verified(database):
    database.ingest(event(details='{"b": "\\\\ü\\n", "a": [1.50, null]}', user_email="Ü@x", ip_address="::1", success=None),
                    event(error_message="no", user_agent='"', details="{}"))
    assert seal(database) == 2
    rows = database.rows("select digest, canon from api.audit_verify(0, null)", on=database.gateway)
    assert [digest for digest, _ in rows] == [hashlib.sha256(canon.encode()).hexdigest() for _, canon in rows]


def test_seals_are_found_by_time(database):
    database.ingest(*[event() for _ in range(12)])
    seal(database)
    first = now()
    database.rows("alter table public.audit_seals disable trigger user")
    database.rows("update public.audit_seals set at = %s + make_interval(mins => (sequence / 2)::integer)", first)
    database.rows("delete from public.audit_seals where sequence in (1, 6, 7, 12)")
    for minute, before in ((0, 0), (1, 0), (2, 3), (3, 5), (4, 5), (5, 9), (6, 11), (7, 11)):
        assert database.value("select private.audit_sealed_before(%s + make_interval(mins => %s))",
                              first, minute) == before


def test_gateways_that_seal_at_once(database):
    database.ingest(*[event() for _ in range(30)])
    stop = time.monotonic() + 3

    def work(number, connection):
        while database.value("select count(*) from public.audit_seals") < 60 and time.monotonic() < stop:
            if number < 2:
                database.ingest(*[event() for _ in range(3)], on=connection)
            try:
                seal(database, connection)
            except psycopg2.Error as error:
                assert error.pgcode == "LG409"

    database.owner.set_session(autocommit=True)
    database.parallel(4, lambda n, on: work(n, on) if n < 2 else [seal(database, on) for _ in range(5)])
    while seal(database):
        pass
    count = database.value("select count(*) from public.audit_logs")
    assert database.rows("select max(sequence), count(distinct id) from public.audit_seals") == [(count, count)]


def test_a_seal_needs_the_head_and_a_row_that_waits(database):
    database.ingest(event())
    database.ingest(event())
    _, (batch, other), (id, _), _ = waiting(database)
    for last, batches, row, outcome in ((5, [batch], id, 0), (0, [batch], str(event()["id"]), "LG409"),
                                        (0, [], id, "LG409"), (0, [other], id, "LG409")):
        try:
            got = add(database, last, batches, [row], ["0" * 64])
        except psycopg2.Error as error:
            got = error.pgcode
        assert got == outcome
    assert queued(database) == 2


def test_rows_that_are_gone_or_left_out_wait_on(database):
    events = [event() for _ in range(3)]
    database.ingest(*events)
    gone, *there = [str(event["id"]) for event in events]
    database.rows("alter table public.audit_logs disable trigger user")
    database.rows("delete from public.audit_logs where id = %s", gone)
    _, (batch,), ids, _ = waiting(database)
    assert ids == there
    id = ids[0]
    assert add(database, 0, [batch], [id], ["0" * 64]) == 1
    assert queued(database) == 2
    assert [seal(database), seal(database)] == [1, 0]
    assert database.rows("select ids::text[] from public.audit_unsealed") == [([gone],)]


def test_an_anchor_a_minute(database):
    assert database.rows("select * from api.audit_anchor()", on=database.gateway) == []
    database.ingest(event())
    seal(database)
    assert database.rows("select number, sequence from api.audit_anchor()", on=database.gateway) == [(1, 1)]
    database.ingest(event())
    seal(database)
    assert database.rows("select * from api.audit_anchor()", on=database.gateway) == []
    database.rows("alter table public.audit_anchors disable trigger user;"
                  "update public.audit_anchors set at = now() - interval '61 seconds'")
    assert database.rows("select number, sequence from api.audit_anchor()", on=database.gateway) == [(2, 2)]


@pytest.mark.parametrize("table", ["audit_seals", "audit_anchors"])
@pytest.mark.parametrize("statement", ["update public.{} set mac = mac", "delete from public.{}", "truncate public.{}"])
def test_nobody_changes_the_chain(untouched, table, statement):
    with pytest.raises(InsufficientPrivilege, match="only be added to"):
        untouched.rows(statement.format(table))


def test_a_row_that_came_by_another_way(database):
    database.ingest(event())
    database.rows("alter table public.audit_logs disable trigger audit_logs_queue")
    database.ingest(stranger := event())
    assert database.value("select stranger from api.audit_strangers(null)", on=database.gateway) == str(stranger["id"])


# --- retention

def months(database):
    return [name for name, in database.rows(
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'public.audit_logs'::regclass order by 1")]


def nightly(database):
    database.rows("select job.maintain_audit_partitions()", on=database.worker)


def test_whole_months_end(database):
    today = now()
    old = [today - datetime.timedelta(days=days) for days in (150, 70, 40, 5)]
    for moment in old:
        database.value("select private.audit_partition(%s)", moment)
    database.ingest(*[event(moment, user_id=1) for moment in old])
    names = months(database)
    nightly(database)
    assert months(database) == names
    database.rows("select api.audit_retention(interval '90 days')", on=database.gateway)
    nightly(database)
    dropped = [name for name in names if name not in months(database)]
    assert dropped == [f"audit_logs_{moment:%Y_%m}" for moment in old
                       if (moment.replace(day=28) + datetime.timedelta(days=4)).replace(
                           day=1, hour=0, minute=0, second=0, microsecond=0) < today - datetime.timedelta(days=90)]
    assert dropped
    assert database.value("select sum(events) from public.audit_hours") == len(old) - len(dropped)
    assert database.rows("select * from private.audit_retain('90 days')") == []


def test_figures_that_nobody_reads_are_added_up(database):
    moment = now()
    for _ in range(5):
        database.ingest(event(moment, user_id=1))
    assert database.value("select count(*) from public.audit_hours") == 5
    nightly(database)
    assert database.rows("select events, folded from public.audit_hours") == [(5, True)]
    assert database.rows("select events from public.audit_days") == [(5,)]
    assert database.rows("select * from public.audit_user_hours") == []
    assert database.rows("select user_id, events[24] from public.audit_user_days") == [(1, 5)]
    assert database.rows("select user_id, events[31] from public.audit_user_months") == [(1, 5)]


def test_a_day_at_least(database):
    with pytest.raises(psycopg2.Error) as raised:
        database.rows("select api.audit_retention(interval '1 hour')", on=database.gateway)
    assert refusal(raised)[0] == "LG422"
    database.rows("select api.audit_retention(null)", on=database.gateway)
    before = months(database)
    assert database.rows("select * from private.audit_retain('0')") == []
    nightly(database)
    assert months(database) == before


def test_rows_go_on_coming_in_while_a_month_ends(database):
    old = now() - datetime.timedelta(days=150)
    database.value("select private.audit_partition(%s)", old)
    database.ingest(event(old))
    database.rows("select api.audit_retention(interval '30 days')", on=database.gateway)
    done = database.parallel(5, lambda n, on: (
        [name for name, in database.rows("select * from private.audit_retain('30 days')")] if n == 0 else
        [database.ingest(event(), on=on) for _ in range(20)]))
    assert len(done[0]) == 1 and all(sum(count) == 20 for count in done[1:])


def missing(database, retention="90 days"):
    """Of rows that are not there any more: whether retention explains it."""
    return [old for canon, old in database.rows(
        "select canon, old from api.audit_verify(0, %s)", retention, on=database.gateway) if canon is None]


def test_retention_explains_whole_months_alone(database):
    """What is deleted of an old month that is still there is no retention, nor is a young month."""
    old = (now() - datetime.timedelta(days=150)).replace(day=10)
    young = (now() - datetime.timedelta(days=45)).replace(day=10)
    for moment in (old, young):
        database.value("select private.audit_partition(%s)", moment)
    events = [event(old), event(old + datetime.timedelta(hours=1)), event(young), event()]
    database.ingest(*events)
    assert seal(database) == 4 and missing(database) == []

    database.rows("alter table public.audit_logs disable trigger user; delete from public.audit_logs where id = %s;"
                  "alter table public.audit_logs enable trigger user", events[0]["id"])
    assert missing(database) == [False]
    assert database.rows("select * from private.audit_retain('90 days')") == [(f"audit_logs_{old:%Y_%m}",)]
    assert missing(database) == [True, True]
    assert missing(database, None) == [False, False]

    name = f"public.audit_logs_{young:%Y_%m}"
    database.rows(f"alter table public.audit_logs detach partition {name}; drop table {name}")
    assert missing(database) == [True, True, False]
    assert database.value("select stranger from api.audit_strangers(null)", on=database.gateway) is None


def test_rows_that_ended_without_a_seal_hold_up_nobody(database):
    old = (now() - datetime.timedelta(days=150)).replace(day=10)
    database.value("select private.audit_partition(%s)", old)
    database.ingest(event(), *[event(old) for _ in range(501)])
    database.rows("select * from private.audit_retain('90 days')")
    database.ingest(event())
    assert queued(database) == 2
    assert seal(database) == 2
    assert queued(database) == 0
