"""The outbox of mails."""

import time

import pytest
from conftest import Database
from psycopg2.errors import CheckViolation

BODY = "Open https://example.com/reset?token=secret\n"


@pytest.fixture
def mail(database):
    return database.value("select private.mail_send('ann@example.com', 'Hello', %s)", BODY)


def take(database, limit=1, on=None):
    return database.rows("select id, recipient, subject, body from api.mail_take(%s)", limit,
                         on=on or database.gateway)


def done(database, mail, error=None):
    database.rows("select api.mail_done(%s, %s)", mail, error, on=database.gateway)


def mails(database, columns):
    return database.rows(f"select {columns} from public.mails order by created_at")


def later(database, interval):
    database.rows("""update public.mails set created_at = created_at - %s::interval,
        next_attempt_at = next_attempt_at - %s::interval, expires_at = expires_at - %s::interval""",
                  interval, interval, interval)


def test_sent(database, mail):
    assert take(database) == [(mail, "ann@example.com", "Hello", BODY)]
    assert take(database) == []
    done(database, mail)
    assert mails(database, "sent_at is not null, next_attempt_at, body, attempts, error") == [
        (True, None, None, 1, None)]
    done(database, mail, "too late to complain")
    later(database, "2 hours")
    assert take(database) == []
    assert mails(database, "error") == [(None,)]


def test_whoever_takes_it_may_die(database, mail):
    assert take(database)
    later(database, "59 seconds")
    assert take(database) == []
    later(database, "2 seconds")
    assert take(database) == [(mail, "ann@example.com", "Hello", BODY)]
    done(database, mail)
    done(database, mail)
    assert mails(database, "attempts, sent_at is not null") == [(2, True)]


def test_tried_again_with_backoff_for_a_day(database, mail):
    waits = []
    for _ in range(100):
        if not take(database):
            break
        done(database, mail, "Couldn't connect to server")
        wait = database.value("select extract(epoch from next_attempt_at - now())::integer from public.mails")
        if wait is None:
            break
        waits.append(wait)
        later(database, f"{wait + 1} seconds")
    assert waits[:11] == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
    assert 22 * 3600 < sum(waits) < 24 * 3600
    assert mails(database, "next_attempt_at, sent_at, body, error") == [
        (None, None, None, "Couldn't connect to server")]


def test_what_nobody_takes_expires(database):
    database.rows("select private.mail_send('ann@example.com', 'Hello', %s, '30 minutes')", BODY)
    later(database, "31 minutes")
    assert take(database) == []
    assert mails(database, "next_attempt_at, sent_at, body, error") == [
        (None, None, None, "it could not be sent in time")]


def test_each_is_taken_once(cluster, database: Database):
    for _ in range(20):
        database.rows("select private.mail_send('ann@example.com', 'Hello', 'x')")
    others = [database.connect("gateway") for _ in range(2)]
    for other in others:
        other.autocommit = False
    taken = [row for other in others for row in take(database, 8, on=other)]
    taken += take(database, 100)
    for other in others:
        other.commit()
    assert len(taken) == 20
    assert len({row[0] for row in taken}) == 20


def test_belongs_to_the_transaction(database):
    connection = database.connect("owner")
    connection.autocommit = False
    database.rows("select private.mail_send('ann@example.com', 'Hello', 'x')", on=connection)
    assert take(database) == []
    connection.rollback()
    assert take(database) == []


def test_gateways_are_told(database):
    database.rows("listen leadgen_mails", on=database.gateway)
    database.rows("select private.mail_send('ann@example.com', 'Hello', 'x')")
    for _ in range(100):
        database.gateway.poll()
        if database.gateway.notifies:
            break
        time.sleep(0.05)
    assert [notice.channel for notice in database.gateway.notifies] == ["leadgen_mails"]


def test_old_ones_go(database, mail):
    take(database)
    done(database, mail)
    later(database, "31 days")
    other = database.value("select private.mail_send('ann@example.com', 'Hello', 'x')")
    take(database)
    done(database, other)
    assert mails(database, "id") == [(other,)]


@pytest.mark.parametrize("recipient, subject, body", [
    ("", "s", "b"), ("x" * 255, "s", "b"), ("a@b", "", "b"), ("a@b", "x" * 256, "b"),
    ("a@b", "s", "x" * 65537)])
def test_sizes(database, recipient, subject, body):
    with pytest.raises(CheckViolation):
        database.rows("select private.mail_send(%s, %s, %s)", recipient, subject, body)
