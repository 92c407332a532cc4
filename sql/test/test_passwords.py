"""Passwords: changed, upgraded, and forgotten."""

import json

import psycopg2
import pytest
from conftest import FOREIGN, HASH, refusal, request, sha256

NEW = "$y$j9T$another$9876543210"
BCRYPT = "$2b$12$" + "a" * 53


def principal(user, session=None):
    return {"user_id": user, "email": "ann@example.com", "role": "user", "permissions": [],
            **({"session": session} if session else FOREIGN)}


def change(database, user, session=None, **password):
    return database.call("password_finish", request(principal=principal(user, session), password={
        "verified": True, "hashed_password_old": HASH, "hashed_password_new": NEW, **password}))


def stored(database):
    return database.value("select hashed_password from public.users order by id limit 1")


def live(database):
    return {str(session) for session, in database.rows("select id from public.sessions where revoked_at is null")}


def test_begin(database):
    user = database.create_user()
    begin = "select * from api.password_begin(jsonb_build_object('principal', jsonb_build_object('user_id', %s)))"
    assert database.rows(begin, user, on=database.gateway) == [(user, HASH, "ann@example.com")]
    database.rows("update public.users set email = 'ＡＮＮ@Example.com'")
    assert database.rows(begin, user, on=database.gateway)[0][2] == "ann@example.com"
    assert database.rows(begin, user + 1, on=database.gateway) == []
    database.rows("update public.users set is_active = false")
    assert database.rows(begin, user, on=database.gateway) == []


def test_change(database):
    user = database.create_user()
    session, _ = database.login(user)
    database.login(user)
    status, body, location, audited = change(database, user, session)
    assert (status, body["session"], body["user"]["id"], location, audited) == (200, session, user, None, True)
    assert stored(database) == NEW
    assert live(database) == {session}
    assert body["issued_at"] == database.epochs(user=user)[0]
    (item, *_), _ = database.logs()
    assert (item["action"], item["success"], item["details"]["changes"]) == ("user_updated", True, {"password": {}})
    assert NEW not in str(item) and HASH not in str(item)


def test_change_with_a_foreign_token(database):
    user, other = database.create_user(), database.create_user("bob@example.com")
    database.login(user)
    session, _ = database.login(other)
    assert change(database, user)[1]["session"] is None
    assert live(database) == {session}


@pytest.mark.parametrize("password", [
    {"verified": False}, {"verified": None}, {"hashed_password_old": NEW}, {"hashed_password_old": None}])
def test_change_refused(database, password):
    user = database.create_user()
    session, _ = database.login(user)
    database.login(user)
    assert change(database, user, session, **password) == (422, None, None, True)
    assert stored(database) == HASH
    assert len(live(database)) == 2 and database.epochs(user=user) == []
    (item, *_), _ = database.logs()
    assert (item["action"], item["success"], item["error_message"]) == (
        "user_updated", False, "current password wrong")


def test_change_of_another_hash(database):
    user = database.create_user()
    assert change(database, user, repeatable=True, hashed_password_old=BCRYPT) == (409, None, None, False)
    assert stored(database) == HASH and database.logs()[0] == []
    assert change(database, user, repeatable=True, hashed_password_old=BCRYPT, verified=False)[0] == 422
    assert change(database, user, repeatable=True)[0] == 200


@pytest.mark.parametrize("new", [None, "", "secret", "$y$", BCRYPT, "$1$abc$def", NEW + " ", NEW + "x" * 255,
                                 "$y$j9T$an:other$9876543210", NEW + "\n"])
def test_only_hashes_are_stored(untouched, new):
    untouched.create_caller(99)
    for function, member in (
            ("password_finish", {"password": {"verified": True, "hashed_password_new": new}}),
            ("password_reset_confirm", {"reset": {"token_hash": sha256("t"), "hashed_password": new}})):
        with pytest.raises(psycopg2.Error) as raised:
            untouched.call(function, request(principal=principal(99), **member))
        code, _, errors = refusal(raised)
        assert (code, errors[0]["field"]) == ("LG422", "password")


@pytest.mark.parametrize("old", [BCRYPT, "$5$salt$" + "a" * 43, "$6$rounds=5000$salt$" + "a" * 86])
def test_upgrade(database, old):
    upgrade = "select api.password_upgrade(%s, %s, %s)"
    user = database.create_user(password=old)
    database.login(user, password=old)
    for refused in ((user, HASH, NEW), (user, old, "plain"), (user, old, old), (user + 1, old, NEW)):
        assert database.value(upgrade, *refused, on=database.gateway) is False
    assert stored(database) == old
    assert database.value(upgrade, user, old, NEW, on=database.gateway) is True
    assert stored(database) == NEW
    assert database.value(upgrade, user, NEW, HASH, on=database.gateway) is False
    assert len(live(database)) == 1 and database.epochs(user=user) == []


# --- forgotten

def begin(database, token, email=" ANN@example.com", on=None):
    """Whom a mail with the token goes to."""
    answer = database.call("password_reset_begin", request(reset={
        "email": email, "token_hash": sha256(token), "expires_in": 1800, "subject": "New password",
        "text": f"{token}\n"}), on=on or database.gateway)
    assert answer[:2] == (202, None)
    return database.rows(
        "select u.id, u.email, u.name from public.mails m join public.users u on u.email = m.recipient"
        " where m.body = %s", f"{token}\n")


def confirm(database, token, on=None):
    return database.call("password_reset_confirm", request(
        reset={"token_hash": sha256(token), "hashed_password": NEW}), on=on)


def check(database, token):
    return database.call("password_reset_check", request(reset={"token_hash": sha256(token)}))


def assert_refused(database, token):
    for call in check, confirm:
        with pytest.raises(psycopg2.Error) as raised:
            call(database, token)
        code, _, errors = refusal(raised)
        assert (code, errors[0]["field"]) == ("LG422", "token")


def test_reset(database):
    user, other = database.create_user(), database.create_user("bob@example.com")
    database.login(user)
    session, _ = database.login(other)
    assert begin(database, "one") == begin(database, "two") == [(user, "ann@example.com", "Ann")]
    assert_refused(database, "three")
    assert check(database, "one") == check(database, "two") == (204, None, None, False)
    assert confirm(database, "one") == (204, None, None, True)
    assert database.rows("select hashed_password from public.users order by id") == [(NEW,), (HASH,)]
    assert live(database) == {session}
    assert database.epochs(user=user) and not database.epochs(user=other)
    assert_refused(database, "one")
    assert_refused(database, "two")

    items, _ = database.logs(action="password_reset")
    assert [(item["details"]["step"], item["details"]["status"], item["success"], item["user_id"])
            for item in items] == [("confirmed", 204, True, user), ("requested", 202, True, user),
                                   ("requested", 202, True, user)]
    assert sha256("one") not in str(items) and NEW not in str(items)


@pytest.mark.parametrize("change_", [
    "update public.password_resets set expires_at = now()",
    "update public.users set is_active = false",
    "delete from public.users"])
def test_reset_too_late(database, change_):
    database.create_user()
    begin(database, "one")
    database.rows(change_)
    assert_refused(database, "one")


def test_reset_of_nobody(database):
    database.create_user("bob@example.com")
    database.rows("update public.users set is_active = false")
    assert begin(database, "one", "bob@example.com") == begin(database, "one", "x" * 100000) == []
    assert database.value("select count(*) from public.password_resets") == 0
    items, _ = database.logs(success="false")
    assert [(item["action"], item["error_message"], item["details"]["status"]) for item in items] == [
        ("password_reset", "user unknown", 202)] * 2


def test_three_mails_an_hour(database):
    user = database.create_user()
    database.create_user("bob@example.com")
    sent = database.parallel(10, lambda number, gateway: begin(database, f"token {number}", on=gateway))
    assert sorted(len(rows) for rows in sent) == [0] * 7 + [1] * 3
    assert begin(database, "bob's", "bob@example.com") != []
    database.rows("update public.password_resets set created_at = now() - interval '61 minutes',"
                  " expires_at = now() - interval '31 minutes' where user_id = %s", user)
    assert begin(database, "later") != []
    assert database.value("select count(*) from public.password_resets where user_id = %s", user) == 4
    database.rows("update public.password_resets set expires_at = now() - interval '61 minutes'"
                  " where expires_at < now()")
    assert begin(database, "later still") != []
    assert database.value("select count(*) from public.password_resets where user_id = %s", user) == 2


def test_one_token_used_by_many_at_once(database):
    database.create_user()
    begin(database, "one")

    def work(number, gateway):
        try:
            return confirm(database, "one", on=gateway)[0]
        except psycopg2.Error as error:
            return error.pgcode

    assert sorted(map(str, database.parallel(10, work))) == ["204"] + ["LG422"] * 9
