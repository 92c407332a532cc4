"""Sessions: refresh with rotation and detection of reuse, logout, their number."""

import psycopg2
import pytest
from conftest import FOREIGN, refusal, request, sha256


def refresh(database, token, successor=None, on=None):
    """Uses a refresh token; the status, the body, and the successor."""
    successor = successor or sha256("successor of " + token)
    status, body, location, audited = database.call("refresh", request(refresh={
        "token_hash": sha256(token), "new_token_hash": sha256(successor)}), on=on)
    assert (location, audited) == (None, True)
    return status, body, successor


def principal(user, session, **members):
    return {"user_id": user, "email": "ann@example.com", "role": "user", "permissions": [], "session": session,
            **members}


def ended(database, session):
    return database.value("select revoked_at is not null from public.sessions where id = %s", session)


def last_log(database):
    (item, *_), _ = database.logs(limit="1")
    return item


def test_rotation(database):
    user = database.create_user()
    session, token = database.login(user)
    for _ in range(3):
        used, (status, body, token) = token, refresh(database, token)
        assert (status, body["session"], body["user"]["id"]) == (200, session, user)
        item = last_log(database)
        assert (item["action"], item["success"], item["user_id"], item["details"]["session"], item["details"]["repeated"]
                ) == ("token_refresh", True, user, session, False)
        assert used not in str(item) and sha256(used) not in str(item)
    assert database.rows("select count(*), count(successor), count(used_at) from public.refresh_tokens") == [(4, 3, 3)]
    assert database.value("select expires_at - created_at = interval '30 days' from public.sessions")
    assert database.epochs(session=session) == []


def test_an_answer_that_was_lost(database):
    session, token = database.login(database.create_user())
    first = refresh(database, token)
    again = refresh(database, token)
    assert (first[0], again[0], first[2]) == (200, 200, again[2])
    assert last_log(database)["details"]["repeated"]
    assert database.value("select count(*) from public.refresh_tokens") == 2
    assert refresh(database, first[2])[0] == 200
    assert not ended(database, session)


@pytest.mark.parametrize("case", ["late", "grandparent", "foreign"])
def test_reuse_ends_the_session(database, case):
    user = database.create_user()
    session, token = database.login(user)
    other, other_token = database.login(user)
    _, _, successor = refresh(database, token)
    if case == "late":
        database.rows("update public.refresh_tokens set used_at = used_at - interval '10.1 seconds'")
    if case == "grandparent":
        refresh(database, successor)

    assert refresh(database, token, "theirs" if case == "foreign" else None)[:2] == (401, None)
    item = last_log(database)
    assert (item["action"], item["success"], item["error_message"], item["details"]["status"], item["user_id"]) == (
        "token_refresh", False, "refresh token reused", 401, user)
    assert ended(database, session) and not ended(database, other)
    assert len(database.epochs(session=session)) == 1
    assert database.epochs(user=user) == database.epochs(session=other) == []

    # the thief's and the owner's both; and nothing more is revoked by trying
    for each in (successor, token, sha256("successor of " + successor)):
        assert refresh(database, each)[:2] == (401, None)
    assert len(database.epochs(session=session)) == 1
    assert refresh(database, other_token)[0] == 200


@pytest.mark.parametrize("change, failure", [
    ("delete from public.users", "refresh token unknown"),
    ("update public.refresh_tokens set hash = sha256('another')", "refresh token unknown"),
    ("update public.users set is_active = false", "user inactive"),
    ("update public.sessions set expires_at = now()", "session expired"),
    ("update public.sessions set revoked_at = now()", "session ended"),
])
def test_refused(database, change, failure):
    _, token = database.login(database.create_user())
    database.rows(change)
    assert refresh(database, token)[:2] == (401, None)
    item = last_log(database)
    assert (item["action"], item["success"], item["error_message"]) == ("token_refresh", False, failure)
    assert database.value("select count(*) from public.refresh_tokens where used_at is not null") == 0
    assert database.value("select count(*) from public.revocations") == 0


def test_no_refresh_prolongs_a_session(database):
    """30 days after the login it is over, however often it was refreshed."""
    _, token = database.login(database.create_user())
    for days in (10, 10, 9.9):
        database.rows("update public.sessions set created_at = created_at - %(age)s, expires_at = expires_at - %(age)s"
                      .replace("%(age)s", f"interval '{days} days'"))
        status, _, token = refresh(database, token)
        assert status == 200
    assert database.value("select expires_at - created_at = interval '30 days' from public.sessions")
    database.rows("update public.sessions set created_at = created_at - interval '3 hours',"
                  " expires_at = expires_at - interval '3 hours'")
    assert refresh(database, token)[0] == 401


def test_the_user_as_it_is_now(database):
    user = database.create_user()
    _, token = database.login(user)
    database.rows("update public.users set role = 'manager'")
    database.rows("select private.revoke(%s)", user)
    _, body, _ = refresh(database, token)
    assert body["user"]["role"] == "manager"
    assert body["issued_at"] >= database.epochs(user=user)[0]


def test_one_token_used_by_many_at_once(database):
    session, token = database.login(database.create_user())
    answers = database.parallel(100, lambda number, gateway: refresh(database, token, on=gateway))
    assert {(status, body["session"]) for status, body, _ in answers} == {(200, session)}
    assert database.rows("select count(*), count(used_at) from public.refresh_tokens") == [(2, 1)]
    items, _ = database.logs(action="token_refresh", limit="200")
    assert sorted(item["details"]["repeated"] for item in items) == [False] + [True] * 99


def test_one_token_with_many_successors_at_once(database):
    """Of gateways with other secrets: one gets the token, and reuse is noticed."""
    session, token = database.login(database.create_user())
    answers = database.parallel(
        20, lambda number, gateway: refresh(database, token, f"successor {number}", on=gateway))
    assert sorted(status for status, _, _ in answers) == [200] + [401] * 19
    assert ended(database, session)
    assert len(database.epochs(session=session)) == 1


def test_all_or_nothing(database):
    """When the audit row can't be written, the token is not spent either."""
    _, token = database.login(database.create_user())
    asked = request(refresh={"token_hash": sha256(token), "new_token_hash": sha256("next")})
    asked["request_id"] = last_log(database)["id"]
    with pytest.raises(psycopg2.errors.UniqueViolation):
        database.call("refresh", asked)
    assert refresh(database, token)[0] == 200


def test_logout(database):
    user = database.create_user()
    session, token = database.login(user)
    other, other_token = database.login(user)
    assert database.call("logout", request(principal=principal(user, session))) == (204, None, None, True)
    with pytest.raises(psycopg2.Error) as raised:
        database.call("logout", request(principal=principal(user, session)))
    assert refusal(raised)[0] == "LG401"
    item = last_log(database)
    assert (item["action"], item["success"], item["resource_id"], item["details"]["status"],
            item["details"]["session"], item["details"]["everywhere"]) == (
        "logout", True, str(user), 204, session, False)
    assert ended(database, session) and not ended(database, other)
    assert database.epochs(session=session) and not database.epochs(user=user)
    assert refresh(database, token)[0] == 401
    assert refresh(database, other_token)[0] == 200


@pytest.mark.parametrize("case", ["everywhere", "of no session", "of another's session"])
def test_logout_everywhere(database, case):
    user, other = database.create_user(), database.create_user("bob@example.com")
    session, token = database.login(user)
    others, others_token = database.login(other)
    asked = request(principal=principal(user, session))
    if case == "everywhere":
        asked["body"] = {"everywhere": True}
    else:
        asked["principal"] |= FOREIGN
        asked["principal"]["session"] = others if "another" in case else "00000000-0000-0000-0000-000000000000"
    assert database.call("logout", asked)[0] == 204
    assert last_log(database)["details"]["everywhere"] is True
    assert ended(database, session) and not ended(database, others)
    assert database.epochs(user=user) and not database.epochs(user=other) and not database.epochs(session=others)
    assert refresh(database, token)[0] == 401
    assert refresh(database, others_token)[0] == 200


def test_logout_refuses_other_fields(untouched):
    untouched.create_caller(99)
    with pytest.raises(psycopg2.Error) as raised:
        untouched.call("logout", request(principal=principal(99, None, **FOREIGN), body={"everywhere": "yes", "all": True}))
    code, _, errors = refusal(raised)
    assert (code, [error["field"] for error in errors]) == ("LG422", ["all", "everywhere"])


def test_at_most_20_sessions(database):
    user = database.create_user()
    sessions = [database.login(user)[0] for _ in range(22)]
    assert [ended(database, session) for session in sessions] == [True] * 2 + [False] * 20
    assert [len(database.epochs(session=session)) for session in sessions] == [1] * 2 + [0] * 20


def test_sessions_that_ended_go_at_the_next_login(database):
    user = database.create_user()
    sessions = [database.login(user)[0] for _ in range(4)]
    database.rows("update public.sessions set expires_at = now() - interval '25 hours' where id = %s", sessions[0])
    database.rows("update public.sessions set revoked_at = now() - interval '25 hours' where id = %s", sessions[1])
    database.rows("update public.sessions set revoked_at = now() where id = %s", sessions[2])
    database.login(user)
    kept = {str(session) for session, in database.rows("select id from public.sessions")}
    assert len(kept) == 3 and set(sessions) - kept == set(sessions[:2])
