"""Revocations: what every gateway is told, and when."""

import select
import threading
import time
import uuid

from conftest import request


def notifications(connection):
    connection.cursor().execute("select 1")
    if select.select([connection], [], [], 0):
        connection.poll()
    payloads = [notification.payload for notification in connection.notifies]
    connection.notifies.clear()
    return payloads


def test_a_gateway_is_told_when_it_is_committed(database):
    user = database.create_user()
    session = str(uuid.uuid4())
    database.rows("listen leadgen_revocations", on=database.gateway)

    database.owner.autocommit = False
    database.rows("select private.revoke(%s)", user)
    database.rows("select private.revoke(%s, %s::uuid)", user, session)
    database.rows("select private.revoke(%s, is_change => true)", user)
    assert notifications(database.gateway) == []
    database.owner.commit()
    database.owner.autocommit = True

    rows = database.rows("select * from api.revocations_since(0)", on=database.gateway)
    assert [(row[1], row[2], row[5]) for row in rows] == [
        ("user", str(user), False), ("session", session, False), ("user", str(user), True)]
    assert notifications(database.gateway) == [
        " ".join(str(value) for value in (*row[:-1], "t" if row[-1] else "f")) for row in rows]
    assert database.rows("select * from api.revocations_since(%s)", rows[0][0], on=database.gateway) == rows[1:]
    assert database.rows("select * from api.revocations_since(%s)", rows[2][0], on=database.gateway) == []
    for _, _, _, epoch, keep, _ in rows:
        assert time.time() < epoch <= time.time() + 3
        assert keep == epoch + 86490

    database.rows("begin; select private.revoke(1); rollback")
    assert notifications(database.gateway) == []


def test_tokens_of_the_same_second(database):
    """Each epoch is after every token issued before, and none after one issued later."""
    user = database.create_user()
    for _ in range(4):
        issued = database.value("select private.issued_at(%s)", user)
        session, _ = database.login(user)
        assert database.call("logout", request(
            principal={"user_id": user, "email": "ann@example.com", "role": "user", "session": session}))[0] == 204
        assert database.epochs(session=session)[0] > issued
        database.rows("select private.revoke(%s)", user)
        assert database.epochs(user=user)[-1] > issued
        assert database.value("select private.issued_at(%s)", user) == database.epochs(user=user)[-1]
    assert database.value("select private.issued_at(%s)", user + 1) <= time.time()


def test_old_ones_go_as_new_ones_come(database):
    database.rows("select private.revoke(n) from generate_series(1, 5) n")
    database.rows("update public.revocations set keep_until = now() where user_id <= 3")
    assert len(database.rows("select 1 from api.revocations_since(0)")) == 2
    assert database.value("select count(*) from public.revocations") == 5
    database.rows("select private.revoke(6)")
    assert database.value("select array_agg(user_id order by user_id) from public.revocations") == [4, 5, 6]


def test_sequence_is_the_order_of_commits(database):
    """A gateway that has seen one has missed none before it."""
    first, second = database.connect("owner"), database.connect("owner")
    first.autocommit = False
    database.rows("select private.revoke(1)", on=first)

    thread = threading.Thread(target=lambda: database.rows("select private.revoke(2)", on=second))
    thread.start()
    database.wait_for_lock()
    assert database.rows("select * from api.revocations_since(0)") == []
    first.commit()
    thread.join()
    rows = database.rows("select sequence, subject from api.revocations_since(0)")
    assert [subject for _, subject in rows] == ["1", "2"]


def test_ids_of_second_rows(database):
    ids = [database.value("select private.uuid_mint()") for _ in range(5)]
    assert len(set(ids)) == 5
    for minted in ids:
        assert (minted.version, minted.variant) == (7, uuid.RFC_4122)
        assert abs((minted.int >> 80) / 1000 - time.time()) < 5
