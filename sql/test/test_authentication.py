"""Logging in, and who one is."""

import hashlib
import threading
import time
import uuid

import psycopg2
import pytest
from conftest import HASH, event, now, refusal, uuid7

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


def request(user_id, verified=True, hashed=HASH, **login):
    request_id = str(uuid7(now()))
    return {
        "request_id": request_id, "method": "POST", "path": "/api/auth/login",
        "params": {}, "query": {}, "body": None, "principal": None,
        "ip_address": "192.0.2.7", "user_agent": "curl/7",
        "login": {"email": "ANN@example.com ", "user_id": user_id, "hashed_password": hashed,
                  "verified": verified, "session": str(uuid.uuid4()),
                  "refresh_token_hash": hashlib.sha256(request_id.encode()).hexdigest(),
                  "refresh_expires_in": 2592000, "failure": None, **login}}


def begin(database, email):
    return database.rows("select user_id, hashed_password from api.login_begin(%s)", email, on=database.gateway)


def test_begin(database):
    user = database.create_user()
    assert begin(database, " ANN@Example.com") == [(user, HASH)]
    assert begin(database, "bob@example.com") == []
    assert begin(database, None) == []
    assert begin(database, "x" * 100000) == []
    database.rows("update public.users set is_active = false")
    assert begin(database, "ann@example.com") == []


def test_success(database):
    user = database.create_user(role="admin")
    asked = request(user)
    status, body, location, audited = database.call("login_finish", asked)
    assert (status, location, audited) == (200, None, True)
    assert sorted(body) == ["issued_at", "session", "user"]
    assert body["session"] == asked["login"]["session"]
    assert abs(body["issued_at"] - time.time()) < 2
    body = body["user"]
    assert list(sorted(body)) == sorted(["id", "email", "name", "role", "is_active", "created_at", "last_login"])
    assert (body["id"], body["email"], body["role"], body["is_active"]) == (user, "ann@example.com", "admin", True)

    import re
    assert re.fullmatch(TIME, body["created_at"]) and re.fullmatch(TIME, body["last_login"])

    assert database.rows("""
        select id::text, user_id, encode(hash, 'hex'), expires_at - created_at = interval '30 days',
            revoked_at, host(ip_address), user_agent, issued_at = created_at, used_at
        from public.sessions join public.refresh_tokens on session_id = id""") == [(
        asked["login"]["session"], user, asked["login"]["refresh_token_hash"], True, None, "192.0.2.7", "curl/7",
        True, None)]

    (item,), _ = database.logs()
    assert re.fullmatch(TIME, item.pop("timestamp"))
    assert item == {
        "id": asked["request_id"], "action": "login", "user_id": user, "user_email": "ann@example.com",
        "resource_type": "user", "resource_id": str(user), "ip_address": "192.0.2.7", "user_agent": "curl/7",
        "success": True, "error_message": None,
        "details": {"method": "POST", "path": "/api/auth/login", "status": 200,
                    "request_id": asked["request_id"], "session": asked["login"]["session"]}}
    assert database.value("select count(*) from public.audit_logs_default") == 0


@pytest.mark.parametrize("change, login", [
    ("select 1", {"verified": False}),
    ("select 1", {"hashed_password": "another"}),
    ("select 1", {"hashed_password": None}),
    ("select 1", {"verified": None}),
    ("update public.users set is_active = false", {}),
    ("update public.users set hashed_password = 'changed meanwhile'", {}),
    ("delete from public.users", {}),
])
def test_failure(database, change, login):
    user = database.create_user()
    asked = request(user, **login)
    database.rows(change)
    assert database.call("login_finish", asked) == (401, None, None, True)
    assert database.value("select count(*) from public.sessions") == 0
    assert database.value("select count(*) from public.users where last_login is not null") == 0
    (item,), _ = database.logs()
    assert (item["success"], item["error_message"]) == (False, "credentials invalid")
    assert (item["id"], item["user_id"], item["user_email"]) == (asked["request_id"], user, "ANN@example.com ")
    assert HASH not in str(item)


@pytest.mark.parametrize("change, login, status", [
    ("select 1", {}, 200),
    ("update public.users set hashed_password = 'upgraded'", {}, 409),
    ("update public.users set hashed_password = 'upgraded'", {"verified": False}, 401),
    ("update public.users set hashed_password = 'upgraded'", {"hashed_password": None}, 401),
    ("update public.users set hashed_password = 'upgraded', is_active = false", {}, 401),
    ("delete from public.users", {}, 401),
])
def test_another_hash(database, change, login, status):
    """A repeatable call says 409, and has changed and recorded nothing."""
    user = database.create_user()
    database.rows(change)
    reply = database.call("login_finish", request(user, repeatable=True, **login))
    assert (reply[0], reply[3]) == (status, status != 409)
    assert len(database.logs()[0]) == (status != 409)
    assert database.value("select count(*) from public.sessions") == (status == 200)


def test_failure_of_nobody(database):
    asked = request(None, verified=False, hashed=None, email="\ufdfa" * 5000, failure="throttled")
    asked["ip_address"] = "unix:"
    assert database.call("login_finish", asked) == (401, None, None, True)
    (item,), _ = database.logs()
    assert (item["user_id"], item["resource_id"], item["ip_address"]) == (None, None, None)
    assert (item["error_message"], item["user_email"]) == ("throttled", "\ufdfa" * 254)


def test_race_with_a_changed_password(database):
    """The change commits while login_finish waits for its row."""
    user = database.create_user()
    changing = database.connect("owner")
    changing.autocommit = False
    database.rows("update public.users set hashed_password = 'new'", on=changing)

    replies = []
    thread = threading.Thread(target=lambda: replies.append(database.call("login_finish", request(user))))
    thread.start()
    database.wait_for_lock()
    changing.commit()
    thread.join()
    assert replies == [(401, None, None, True)]
    assert database.value("select count(*) from public.sessions") == 0


def test_all_or_nothing(database):
    """When the audit row can't be written, there is no session either."""
    user = database.create_user()
    asked = request(user)
    database.ingest(event() | {"id": uuid.UUID(asked["request_id"])})
    with pytest.raises(psycopg2.errors.UniqueViolation):
        database.call("login_finish", asked)
    assert database.value("select count(*) from public.sessions") == 0


def test_sessions_end_with_their_user(database):
    user = database.create_user()
    database.call("login_finish", request(user))
    database.rows("delete from public.users")
    assert database.value("select count(*) from public.sessions") == 0
    assert len(database.logs()[0]) == 1


def test_me(database):
    user = database.create_user()
    status, body, location, audited = database.call("me", {"principal": {"user_id": user}})
    assert (status, location, audited) == (200, None, False)
    assert (body["id"], body["last_login"]) == (user, None)
    assert "hashed_password" not in body

    for principal in ({"user_id": user + 1}, None):
        with pytest.raises(psycopg2.Error) as raised:
            database.call("me", {"principal": principal})
        assert refusal(raised)[0] == "LG404"
