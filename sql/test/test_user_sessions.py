"""Where a user is logged in, and logging out by an administrator."""

import pytest
from conftest import sha256
from test_admin_users import CALLERS, asked, live, refused  # noqa: F401


def test_sessions_of_a_user(database):
    user, other = database.create_user(), database.create_user("bob@example.com")
    first, _ = database.login(user)
    second, token = database.login(user)
    ended, _ = database.login(user)
    old, _ = database.login(user)
    database.login(other)
    database.rows("update public.sessions set revoked_at = now() where id = %s", ended)
    database.rows("update public.sessions set expires_at = now() where id = %s", old)

    status, body, _, audited = database.call("user_sessions", asked(id=user))
    assert (status, audited, body["next_cursor"]) == (200, False, None)
    assert {item["id"] for item in body["items"]} == {first, second}
    for item in body["items"]:
        assert set(item) == {"id", "created_at", "expires_at", "last_used_at", "ip_address", "user_agent"}
        assert item["last_used_at"] == item["created_at"]
    assert sha256(token) not in str(body) and token not in str(body)


def test_all_of_them_end(database):
    user, other = database.create_user(), database.create_user("bob@example.com")
    for account in (user, user, other):
        database.login(account)

    assert database.call("user_sessions_end", asked("helpdesk", id=user)) == (204, None, None, True)
    assert live(database) == 1
    assert len(database.epochs(user=user)) == 1 and database.epochs(user=other) == []
    (item,), _ = database.logs(action="logout")
    assert (item["user_id"], item["resource_id"], item["details"]["everywhere"]) == (99, str(user), True)


def test_not_of_a_role_beyond_ones_own(database):
    boss = database.create_user(role="admin")
    database.login(boss)
    assert refused(database.call, "user_sessions_end", asked("helpdesk", id=boss))[0] == "LG403"
    assert live(database) == 1


@pytest.mark.parametrize("call", ["user_sessions", "user_sessions_end"])
@pytest.mark.parametrize("id", ["0", "12345", "x", "1 or 1=1"])
def test_of_nobody(untouched, call, id):
    assert refused(untouched.call, call, asked(id=id))[0] == "LG404"
