"""Sessions and users, over two gateways on one database."""

import concurrent.futures
import os
import re

import pytest

from conftest import another_gateway, wait_until

HELPDESK = "leadgen_role helpdesk extends=user user:create user:update;"
WITHIN = 1.0        # seconds in which a change takes effect everywhere


@pytest.fixture(scope="module")
def second(gateway):
    with another_gateway(gateway, "second", HELPDESK) as other:
        yield other


@pytest.fixture(scope="module")
def both(gateway, second):
    return gateway, second


def post(gateway, path, body=None, token=None, method="POST"):
    headers = [("Authorization", f"Bearer {token}")] if token else []
    return gateway.request(method, path, body=body, headers=headers)


def log_in(gateway, email, password):
    answer = post(gateway, "/api/auth/login",
                  {"email": email, "password": password})
    assert answer.status == 200, answer.body
    return answer.json


def status(gateway, token, path="/api/auth/me"):
    return post(gateway, path, token=token, method="GET").status


def soon(both, token, want, path="/api/auth/me"):
    """Both gateways answer so within a second."""
    wait_until(lambda: [status(one, token, path) for one in both]
               == [want, want], WITHIN, f"{want} of both")


def make_user(gateway, name, role="user", password="a long password"):
    email = f"{name}-{os.urandom(4).hex()}@example.com"
    answer = post(gateway, "/api/admin/users",
                  {"email": email, "name": name, "password": password,
                   "role": role}, gateway.token("admin"))
    assert answer.status == 201, answer.body
    assert answer.headers["Location"] == f"/api/admin/users/{answer.json['id']}"
    return answer.json


def change(gateway, user, **fields):
    answer = post(gateway, f"/api/admin/users/{user['id']}", fields,
                  gateway.token("admin"), "PUT")
    assert answer.status == 200, answer.body
    return answer


def audited(gateway, answer):
    """The actions recorded for a request, however many rows it made."""
    rows = gateway.sql(
        "select action, success from audit_logs"
        " where details ->> 'request_id' = %s order by id", answer.request_id)
    return [(action, success) for action, success in rows]


def actions(gateway, user):
    """The actions recorded of a user, oldest first."""
    return [action for action, in gateway.sql(
        "select action from audit_logs where resource_id = %s"
        " and resource_type = 'user' order by timestamp, id", str(user["id"]))]


# --- the life of a user

def test_life(both):
    gateway, second = both
    user = make_user(gateway, "life")
    assert actions(gateway, user) == ["user_created"]
    session = log_in(gateway, user["email"], "a long password")
    token = session["access_token"]
    other = log_in(second, user["email"], "a long password")["access_token"]
    assert actions(gateway, user)[1:] == ["login", "login"]

    soon(both, token, 200)
    soon(both, other, 200)
    soon(both, token, 403, "/api/admin/users")

    # promoted: old tokens say the old role and are refused, new ones work
    answer = change(gateway, user, role="admin")
    assert {action for action, _ in audited(gateway, answer)} == {
        "user_updated", "role_changed"}
    soon(both, token, 401)
    soon(both, other, 401)
    admin = log_in(second, user["email"], "a long password")["access_token"]
    soon(both, admin, 200, "/api/admin/users")

    # demoted in mid-session
    answer = change(second, user, role="user")
    assert {action for action, _ in audited(gateway, answer)} == {
        "user_updated", "role_changed"}
    soon(both, admin, 401, "/api/admin/users")

    # deactivated
    token = log_in(gateway, user["email"], "a long password")["access_token"]
    soon(both, token, 200)
    answer = change(gateway, user, is_active=False)
    assert audited(gateway, answer)[0] == ("user_updated", True)
    soon(both, token, 401)
    denied = post(gateway, "/api/auth/login",
                  {"email": user["email"], "password": "a long password"})
    assert denied.status == 401
    assert audited(gateway, denied) == [("login", False)]

    # another password by an administrator
    answer = change(gateway, user, is_active=True, password="yet another one")
    assert audited(gateway, answer) == [("user_updated", True)]
    token = log_in(second, user["email"], "yet another one")["access_token"]
    soon(both, token, 200)

    # forgotten, and reset by mail
    answer = post(gateway, "/api/auth/password-reset",
                  {"email": user["email"]})
    assert answer.status == 202
    assert audited(gateway, answer) == [("password_reset", True)]
    answer = post(second, "/api/auth/password-reset/confirm", {
        "token": mailed_token(gateway, user["email"]), "password": "by mail!"})
    assert answer.status == 204
    assert audited(gateway, answer) == [("password_reset", True)]
    soon(both, token, 401)
    token = log_in(gateway, user["email"], "by mail!")["access_token"]
    soon(both, token, 200)

    # deleted
    answer = post(gateway, f"/api/admin/users/{user['id']}", None,
                  gateway.token("admin"), "DELETE")
    assert answer.status == 204
    assert audited(gateway, answer) == [("user_deleted", True)]
    soon(both, token, 401)


# --- sessions

def test_logout_ends_one_session(both):
    gateway, second = both
    user = make_user(gateway, "logout")
    one = log_in(gateway, user["email"], "a long password")
    two = log_in(second, user["email"], "a long password")

    answer = post(gateway, "/api/auth/logout", token=one["access_token"])
    assert answer.status == 204
    assert audited(gateway, answer) == [("logout", True)]
    soon(both, one["access_token"], 401)
    soon(both, two["access_token"], 200)
    refused = post(gateway, "/api/auth/refresh",
                   {"refresh_token": one["refresh_token"]})
    assert refused.status == 401


def test_logout_everywhere(both):
    gateway, second = both
    user = make_user(gateway, "everywhere")
    one = log_in(gateway, user["email"], "a long password")
    two = log_in(second, user["email"], "a long password")

    answer = post(gateway, "/api/auth/logout", {"everywhere": True},
                  one["access_token"])
    assert answer.status == 204
    soon(both, one["access_token"], 401)
    soon(both, two["access_token"], 401)

    # a login in the same second is a new session
    again = log_in(gateway, user["email"], "a long password")
    soon(both, again["access_token"], 200)


def test_refresh_rotates(both):
    gateway, second = both
    user = make_user(gateway, "refresh")
    first = log_in(gateway, user["email"], "a long password")["refresh_token"]

    answer = post(gateway, "/api/auth/refresh", {"refresh_token": first})
    assert answer.status == 200
    assert audited(gateway, answer) == [("token_refresh", True)]
    second_token = answer.json["refresh_token"]
    assert second_token != first
    assert status(gateway, answer.json["access_token"]) == 200

    # an answer that was lost: the same successor, from the other gateway
    again = post(second, "/api/auth/refresh", {"refresh_token": first})
    assert again.json["refresh_token"] == second_token

    third = post(second, "/api/auth/refresh", {"refresh_token": second_token})
    assert third.status == 200

    # the first is older than the parent now: somebody else has it
    reused = post(gateway, "/api/auth/refresh", {"refresh_token": first})
    assert reused.status == 401
    assert audited(gateway, reused) == [("token_refresh", False)]
    soon(both, third.json["access_token"], 401)
    dead = post(gateway, "/api/auth/refresh",
                {"refresh_token": third.json["refresh_token"]})
    assert dead.status == 401


def test_a_hundred_refreshes_at_once(both):
    user = make_user(both[0], "hundred")
    token = log_in(both[0], user["email"], "a long password")["refresh_token"]

    def refresh(n):
        return post(both[n % 2], "/api/auth/refresh", {"refresh_token": token})

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(refresh, range(100)))

    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1


def test_password_change(both):
    gateway, _ = both
    user = make_user(gateway, "change")
    session = log_in(gateway, user["email"], "a long password")
    token = session["access_token"]

    wrong = post(gateway, "/api/auth/password",
                 {"current_password": "not my password",
                  "new_password": "a better password"}, token)
    assert wrong.status == 422
    assert wrong.json["errors"][0]["field"] == "current_password"

    answer = post(gateway, "/api/auth/password",
                  {"current_password": "a long password",
                   "new_password": "a better password"}, token)
    assert answer.status == 200, answer.body
    soon(both, token, 401)
    soon(both, answer.json["access_token"], 200)
    log_in(gateway, user["email"], "a better password")


def mailed_token(gateway, address):
    """The one-time token of the mail to that address."""
    def mails():
        return [text for text in
                (path.read_text() for path in
                 (gateway.run / "mail" / "new").iterdir())
                if f"To: {address}" in text]

    wait_until(mails, 10, "mail")
    (text,) = mails()
    return re.search(r"password-reset\?token=([\w-]+)", text).group(1)


def test_password_reset_by_mail(both):
    gateway, second = both
    user = make_user(gateway, "reset")
    session = log_in(second, user["email"], "a long password")

    answer = post(gateway, "/api/auth/password-reset",
                  {"email": user["email"].upper()})
    assert answer.status == 202
    assert audited(gateway, answer) == [("password_reset", True)]
    stranger = post(gateway, "/api/auth/password-reset",
                    {"email": "stranger@example.com"})
    assert (stranger.status, stranger.body) == (202, answer.body)

    token = mailed_token(gateway, user["email"])
    confirm = {"token": token, "password": "a password by mail"}
    done = post(second, "/api/auth/password-reset/confirm", confirm)
    assert done.status == 204, done.body
    assert audited(gateway, done) == [("password_reset", True)]
    soon(both, session["access_token"], 401)
    log_in(gateway, user["email"], "a password by mail")

    again = post(gateway, "/api/auth/password-reset/confirm", confirm)
    assert again.status == 422
    assert again.json["errors"][0]["field"] == "token"


# --- users

def test_errors_name_the_field(gateway):
    admin = gateway.token("admin")
    for body, field in (
            ({"name": "x", "password": "a long password", "role": "user"},
             "email"),
            ({"email": "x@example.com", "name": "x", "role": "user",
              "password": "short"}, "password"),
            ({"email": "x@example.com", "name": "x", "role": "king",
              "password": "a long password"}, "role"),
            ({"email": "x@example.com", "name": "x", "role": "user",
              "password": "a long password", "is_admin": True}, "is_admin")):
        answer = post(gateway, "/api/admin/users", body, admin)
        assert answer.status == 422, (body, answer.body)
        assert field in [error["field"] for error in answer.json["errors"]]


def test_same_address_twice(gateway):
    user = make_user(gateway, "twice")
    answer = post(gateway, "/api/admin/users",
                  {"email": user["email"].upper(), "name": "x",
                   "password": "a long password", "role": "user"},
                  gateway.token("admin"))
    assert answer.status == 409, answer.body


def test_nobody_grants_more_than_they_have(gateway):
    for role in ("manager", "user"):
        answer = post(gateway, "/api/admin/users",
                      {"email": "x@example.com", "name": "x",
                       "password": "a long password", "role": "admin"},
                      gateway.token(role))
        assert answer.status == 403


def test_the_helpdesk_makes_no_administrators(second):
    """Who may create and change users, but not give roles."""
    desk = make_user(second, "desk", "helpdesk")
    token = log_in(second, desk["email"], "a long password")["access_token"]
    admin = make_user(second, "root", "admin")

    def create(role):
        return post(second, "/api/admin/users", {
            "email": f"by-desk-{os.urandom(4).hex()}@example.com", "name": "x",
            "password": "a long password", "role": role}, token)

    user = create("user")
    assert user.status == 201, user.body
    for role in ("manager", "admin", "helpdesk"):
        assert create(role).status == 403

    for number, fields, status in (
            (user.json["id"], {"name": "y"}, 200),
            (user.json["id"], {"role": "admin"}, 403),
            (desk["id"], {"role": "admin"}, 403),
            (admin["id"], {"name": "y"}, 403),
            (admin["id"], {"password": "a password of ours"}, 403)):
        answer = post(second, f"/api/admin/users/{number}", fields, token,
                      "PUT")
        assert answer.status == status, (fields, answer.body)
    log_in(second, admin["email"], "a long password")
    change(second, admin, is_active=False)


def test_administrators_stay(gateway):
    """One can't end oneself; of two who demote each other one is left."""
    me = post(gateway, "/api/auth/me", token=gateway.token("admin"),
              method="GET").json
    answer = post(gateway, f"/api/admin/users/{me['id']}", None,
                  gateway.token("admin"), "DELETE")
    assert answer.status == 409


def test_users_are_listed_in_pages(gateway):
    users = [make_user(gateway, "page") for _ in range(3)]
    seen, cursor = [], None
    while True:
        path = "/api/admin/users?q=page-&limit=2"
        path += f"&cursor={cursor}" if cursor else ""
        answer = post(gateway, path, token=gateway.token("admin"),
                      method="GET").json
        seen += [user["id"] for user in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert {user["id"] for user in users} <= set(seen)
