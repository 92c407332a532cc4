"""Administration of users: who may change whom, and what that entails."""

import psycopg2
import pytest
from conftest import FOREIGN, HASH, refusal, request

USER = ["campaign:read", "lead:read", "analytics:read"]
HELPDESK = USER + ["user:create", "user:read", "user:update", "user:delete"]
ROLES = {"admin": HELPDESK + ["user:manage_roles", "system:audit"], "helpdesk": HELPDESK,
         "promoter": HELPDESK + ["user:manage_roles"], "user": USER, "guest": [], "auditor": ["system:audit"]}
NEW = "$y$j9T$another$9876543210"
CALLERS = (99,)


def asked(role="admin", user_id=99, id=None, body=None, query=None, session=None):
    return request(
        body=body, params={"id": str(id)} if id else {}, query=query or {}, roles=ROLES,
        principal={"user_id": user_id, "email": "boss@example.com", "role": role, "permissions": ROLES[role],
                   **({"session": session} if session else FOREIGN)})


def create(database, caller="admin", **body):
    body = {"email": "ann@example.com", "name": "Ann", "hashed_password": HASH, **body}
    return database.call("user_create", asked(caller, body=body))


def update(database, id, caller="admin", user_id=99, on=None, **body):
    return database.call("user_update", asked(caller, user_id, id, body), on=on)


def delete(database, id, caller="admin", user_id=99, on=None):
    return database.call("user_delete", asked(caller, user_id, id), on=on)


def refused(call, *args, **kwargs):
    """SQLSTATE, sentence, and the fields that are to blame."""
    with pytest.raises(psycopg2.Error) as raised:
        call(*args, **kwargs)
    code, sentence, errors = refusal(raised)
    return code, sentence, [error["field"] for error in errors or []]


def live(database):
    return database.value("select count(*) from public.sessions where revoked_at is null")


# --- fields

@pytest.mark.parametrize("body, fields", [
    ({}, ["email", "name", "password"]),
    ({"email": None, "name": 1, "role": True, "hashed_password": []}, ["email", "name", "password", "role"]),
    ({"email": "a b@c", "name": " ", "role": "nobody", "hashed_password": "secret"},
     ["email", "name", "password", "role"]),
    ({"is_active": True, "is_admin": True, "id": 1, "password": "x"},
     ["email", "name", "password", "id", "is_active", "is_admin", "password"]),
])
def test_create_names_each_wrong_field(untouched, body, fields):
    code, _, named = refused(untouched.call, "user_create", asked(body=body))
    assert (code, sorted(named)) == ("LG422", sorted(fields))


@pytest.mark.parametrize("field, value", [
    *[("email", value) for value in (
        "", "a", "@b", "a@", "a@b@c", "a b@c", "a\n@b", "a@b\u00a0", "a,b@c", "<a@b>", '"a"@b', "a;b@c", "a\\@b",
        "a@[1]", "a" * 250 + "@b.de", "\ufdfa" * 200 + "@b", 5, {}, None,
        "a" * 65 + "@b.de", "\u00fc" * 33 + "@b.de", "a@b.de.", "a@.b.de", "a@b..de", "a@.",
        "ad\u200bmin@b.de", "admin@b\u200d.de", "a\u202enimda@b.de", "a\u2066@b.de", "\ufeffa@b.de", "a\u00ad@b.de",
        "\u0430dmin@b.de", "admin@ex\u0430mple.com", "p\u03b1ul@b.de", "a@b.d\u0435", "\u05d0\u0430@b.de",
        "a\u13a0@b.de")],
    *[("name", value) for value in ("", "  ", "n" * 201, "a\nb", "a\x7f", "a\u0085", [], None)],
    *[("role", value) for value in ("", "Admin", " admin", "nobody", "r" * 1000, 0, ["admin"], None)],
    *[("is_active", value) for value in ("true", 1, None)],
    *[("hashed_password", value) for value in ("", "password", " " + HASH, "$2b$12$" + "a" * 53, 1, None)],
    ("created_at", "2026-01-01T00:00:00Z"), ("hashed", HASH), ("last_login", None)])
def test_values_out_of_bounds(untouched, field, value):
    code, _, named = refused(update, untouched, 1, **{field: value})
    assert (code, named) == ("LG422", [field.replace("hashed_password", "password")])


@pytest.mark.parametrize("email", [
    "ann@b", "ann.o'neil+x@example.co.uk", "a" * 64 + "@b.de", "m\u00fcller@b\u00fccher.example",
    "\u0438\u0432\u0430\u043d@\u043f\u043e\u0447\u0442\u0430.\u0440\u0444", "\u0438\u0432\u0430\u043d-1@example.com",
    "\u7530\u4e2d\u3055\u3093tanaka@\u4f8b\u3048.jp", "\uae40kim@\uc608.kr", "\u05d3\u05d5\u05d3@example.co.il",
    "\u0905\u0930\u0941\u0923@example.in", "\u0561\u0580\u0587@example.am", "\uff41\uff4e\uff4e@example.com"])
def test_addresses_of_all_the_world(database, email):
    assert create(database, email=email)[1]["email"] == email


def test_old_addresses_stay(database):
    """What is there from before can be changed otherwise, and its owner logs in."""
    user = database.create_user("old@example.com.")
    assert update(database, user, name="Older")[1]["email"] == "old@example.com."
    assert database.value("select user_id from api.login_begin('old@example.com.')") == user


@pytest.mark.parametrize("body", [None, [], "text", 1])
def test_a_body_that_is_no_object(untouched, body):
    for function in ("user_create", "user_update"):
        assert refused(untouched.call, function, asked(id=1, body=body))[0] == "LG422"


@pytest.mark.parametrize("id", ["5", "0", "-1", "x", "1.0", "1e3", "9" * 19, "9" * 400, "1 or true", "'"])
def test_nobody_has_this_id(untouched, id):
    for call in (update, delete):
        assert refused(call, untouched, id)[0] == "LG404"
    assert refused(untouched.call, "user", asked(id=id))[0] == "LG404"


# --- create

def test_create(database):
    status, body, location, audited = create(database, email=" Ann@Example.com ", name=" Ann ", role="admin")
    assert (status, location, audited) == (201, f"/api/admin/users/{body['id']}", True)
    assert (body["email"], body["name"], body["role"], body["is_active"], body["last_login"]) == (
        "Ann@Example.com", "Ann", "admin", True, None)
    assert database.call("user", asked(id=body["id"])) == (200, body, None, False)
    (item,), _ = database.logs()
    assert (item["action"], item["user_id"], item["user_email"], item["resource_type"], item["resource_id"]) == (
        "user_created", 99, "boss@example.com", "user", str(body["id"]))
    assert item["details"] | {"status": 201, "email": "Ann@Example.com", "role": "admin"} == item["details"]
    assert HASH not in str(item)

    assert refused(create, database, email="ANN@example.com") == (
        "LG409", "A user with this e-mail address exists already.", ["email"])
    assert create(database, email="bob@example.com")[1]["role"] == "user"


@pytest.mark.parametrize("caller, role, expected", [
    ("helpdesk", "user", 201), ("helpdesk", "guest", 201), ("admin", "helpdesk", 201), ("promoter", "promoter", 201),
    ("helpdesk", "helpdesk", "user:manage_roles"), ("helpdesk", "admin", "user:manage_roles"),
    ("promoter", "admin", "system:audit"), ("promoter", "auditor", "system:audit"),
    ("guest", "user", "campaign:read")])
def test_roles_that_can_be_given(database, caller, role, expected):
    user = database.create_user()
    email = {"email": "bob@example.com"}
    if expected == 201:
        assert create(database, caller, role=role, **email)[0] == 201
    else:
        code, sentence, fields = refused(create, database, caller, role=role, **email)
        assert (code, fields) == ("LG403", ["role"]) and expected in sentence

    if caller == "promoter" and expected == 201:
        assert update(database, user, caller, role=role)[0] == 200
    elif caller != "guest" and expected != 201:
        code, sentence, fields = refused(update, database, user, caller, role=role)
        assert (code, fields) == ("LG403", ["role"]) and expected in sentence


# --- update

def test_update(database):
    user = database.create_user()
    database.create_user("bob@example.com")
    session, _ = database.login(user)
    status, body, location, audited = update(database, user, name="Anne", email="anne@example.com", role="helpdesk")
    assert (status, location, audited) == (200, None, True)
    assert (body["name"], body["email"], body["role"]) == ("Anne", "anne@example.com", "helpdesk")
    assert live(database) == 1 and len(database.epochs(user=user)) == 1

    (changed, updated, _), _ = database.logs()
    if changed["action"] == "user_updated":
        changed, updated = updated, changed
    assert (updated["action"], updated["details"]["changes"]) == ("user_updated", {
        "name": {"from": "Ann", "to": "Anne"}, "email": {"from": "ann@example.com", "to": "anne@example.com"},
        "role": {"from": "user", "to": "helpdesk"}})
    assert (changed["action"], changed["details"]["from"], changed["details"]["to"]) == (
        "role_changed", "user", "helpdesk")
    assert updated["id"] == updated["details"]["request_id"] == changed["details"]["request_id"] != changed["id"]

    assert refused(update, database, user, email="BOB@example.com") == (
        "LG409", "A user with this e-mail address exists already.", ["email"])
    assert len(database.epochs(user=user)) == 1


@pytest.mark.parametrize("body, bumped, sessions", [
    ({}, 0, 1), ({"name": "Anne"}, 0, 1), ({"role": "user", "email": "ann@example.com", "is_active": True}, 0, 1),
    ({"email": "ANN@example.com"}, 1, 1), ({"role": "guest"}, 1, 1),
    ({"is_active": False}, 1, 0), ({"hashed_password": NEW}, 1, 0)])
def test_what_a_change_ends(database, body, bumped, sessions):
    user = database.create_user()
    database.login(user)
    assert update(database, user, **body)[0] == 200
    assert (len(database.epochs(user=user)), live(database)) == (bumped, sessions)
    assert database.rows("select is_change from public.revocations") == [(sessions == 1,)] * bumped
    items, _ = database.logs(action="user_updated")
    assert len(items) == 1 and NEW not in str(items)
    expected = NEW if "hashed_password" in body else HASH
    assert database.value("select hashed_password from public.users where id = %s", user) == expected


def test_the_same_role_is_no_grant(database):
    user = database.create_user()
    assert update(database, user, "helpdesk", role="user", name="Anne")[0] == 200
    assert database.logs(action="role_changed")[0] == []


@pytest.mark.parametrize("body", [
    {"name": "x"}, {"email": "x@example.com"}, {"is_active": False}, {"hashed_password": NEW}, {"role": "user"}])
def test_users_above_oneself_are_out_of_reach(database, body):
    database.create_user("root@example.com", "admin")
    user = database.create_user(role="admin")
    database.login(user)
    for caller in ("helpdesk", "promoter"):
        code, sentence, _ = refused(update, database, user, caller, **body)
        assert code == "LG403" and "system:audit" in sentence
        assert refused(delete, database, user, caller)[0] == "LG403"
    assert live(database) == 1 and database.epochs(user=user) == []


def test_without_the_roles_nothing_is_changed(database):
    user = database.create_user()
    call = asked(id=user, body={"name": "x"})
    del call["roles"]
    for function in ("user_update", "user_delete"):
        with pytest.raises(psycopg2.errors.RaiseException):
            database.call(function, call)


# --- delete, and who must stay

def test_delete(database):
    user = database.create_user()
    database.login(user)
    assert delete(database, user) == (204, None, None, True)
    assert database.rows("select id from public.users") == [(99,)] and live(database) == 0
    assert len(database.epochs(user=user)) == 1
    (item, *_), _ = database.logs()
    assert (item["action"], item["resource_id"], item["details"]["email"], item["details"]["role"]) == (
        "user_deleted", str(user), "ann@example.com", "user")
    assert refused(delete, database, user)[0] == "LG404"


def test_the_last_active_administrator_stays(database):
    last = database.create_user(role="admin")
    inactive = database.create_user("bob@example.com", "admin")
    assert update(database, inactive, is_active=False)[0] == 200
    for body in ({"role": "user"}, {"is_active": False}, {"is_active": False, "role": "admin"}):
        assert refused(update, database, last, **body)[0] == "LG409"
    assert refused(delete, database, last)[0] == "LG409"
    assert update(database, last, name="Anne", role="admin", is_active=True, hashed_password=NEW)[0] == 200
    assert delete(database, inactive)[0] == 204
    create(database, email="carl@example.com", role="admin")
    assert update(database, last, role="user")[0] == 200


def test_nobody_removes_themselves(database):
    for email in ("root@example.com", "other@example.com"):
        user = database.create_user(email, "admin")
    for body in ({"role": "user"}, {"is_active": False}):
        assert refused(update, database, user, user_id=user, **body)[0] == "LG409"
    assert refused(delete, database, user, user_id=user)[0] == "LG409"
    assert update(database, user, user_id=user, name="Me", email="me@example.com")[0] == 200


@pytest.mark.parametrize("way", ["demote", "deactivate", "delete"])
def test_50_at_once_leave_one_administrator(database, way):
    admins = [database.create_user(email, "admin") for email in ("ann@example.com", "bob@example.com")]

    def work(number, gateway):
        target, caller = admins[number % 2], admins[1 - number % 2]
        try:
            if way == "delete":
                return delete(database, target, user_id=caller, on=gateway)[0]
            body = {"role": "user"} if way == "demote" else {"is_active": False}
            return update(database, target, user_id=caller, on=gateway, **body)[0]
        except psycopg2.Error as error:
            return error.pgcode

    answers = set(database.parallel(50, work))
    assert answers <= {200, 204, "LG401", "LG404", "LG409"} and len(answers) > 1
    assert database.value("select count(*) from public.users where role = 'admin' and is_active") == 1


def test_one_address_at_once(database):
    def work(number, gateway):
        try:
            body = {"email": "ann@example.com", "name": f"Ann {number}", "hashed_password": HASH}
            return database.call("user_create", asked(body=body), on=gateway)[0]
        except psycopg2.Error as error:
            return error.pgcode

    assert sorted(map(str, database.parallel(10, work))) == ["201"] + ["LG409"] * 9


# --- lists

def page(database, **query):
    status, body, location, audited = database.call("users", asked(query=query))
    assert (status, location, audited) == (200, None, False)
    return [item["email"] for item in body["items"]], body["next_cursor"]


def test_list(database):
    database.rows("delete from public.users")
    assert page(database) == ([], None)
    for name, role, active in (("ann", "admin", True), ("BOB", "user", False), ("jürgen", "user", True),
                               ("a_b%c\\", "user", True), ("eve", "guest", True)):
        database.rows("insert into public.users (email, name, hashed_password, role, is_active)"
                      " values (%s, %s, 'h', %s, %s)", f"{name.rstrip(chr(92))}@x", name.title(), role, active)
    everybody = ["eve@x", "a_b%c@x", "jürgen@x", "BOB@x", "ann@x"]
    assert page(database) == (everybody, None)
    assert page(database, role="user", is_active="true") == (["a_b%c@x", "jürgen@x"], None)
    assert page(database, is_active="false") == (["BOB@x"], None)
    assert page(database, role="nobody") == ([], None)
    for q, found in (("bob", ["BOB@x"]), ("JÜR", ["jürgen@x"]), ("_B%C\\", ["a_b%c@x"]), ("%", ["a_b%c@x"]),
                     ("n@X", ["jürgen@x", "ann@x"]), ("x e", [])):
        assert page(database, q=q)[0] == found, q

    seen, cursor = [], None
    while cursor or not seen:
        emails, cursor = page(database, limit="2", **({"cursor": cursor} if cursor else {}))
        if not seen:
            database.create_user("new@x")
        seen += emails
    assert seen == everybody
    assert page(database, limit="6")[1] is None
    assert "hashed_password" not in str(database.call("users", asked(query={})))


@pytest.mark.parametrize("query", [
    {"role": ""}, {"role": "A"}, {"is_active": "yes"}, {"q": ""}, {"q": "q" * 256}, {"q": "x\ne"}, {"limit": "0"},
    {"limit": "201"}, {"limit": "x"}, {"cursor": ""}, {"cursor": "x"}, {"cursor": "AgAAAAAAAAAB="},
    {"cursor": "AQAAAAAAAAAB"}, {"cursor": "A" * 1000}, {"email": "a@b"}, {"sort": "id"}])
def test_filters_that_are_wrong(untouched, query):
    code, _, fields = refused(untouched.call, "users", asked(query=query))
    assert (code, fields) == ("LG422", list(query))


# --- reasons

def test_a_reason_goes_to_the_log(database):
    user = database.create_user()
    update(database, user, role="guest", reason=" left the team ")
    items, _ = database.logs(limit="2")
    assert {item["action"]: item["details"]["reason"] for item in items} == {
        "role_changed": "left the team", "user_updated": "left the team"}
    update(database, user, name="Ann B.")
    (item, *_), _ = database.logs(limit="1")
    assert "reason" not in item["details"]


@pytest.mark.parametrize("reason", ["", " ", 5, None, "a\nb", "x" * 501])
def test_a_reason_that_is_none(database, reason):
    user = database.create_user()
    assert refused(update, database, user, role="guest", reason=reason)[::2] == ("LG422", ["reason"])
