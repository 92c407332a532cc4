"""Roles in the database: who may make them, and what gateways are told."""

import psycopg2
import pytest
from conftest import FOREIGN, refusal, request

PERMISSIONS = ["lead:read", "lead:export", "user:manage_roles", "user:create", "user:update", "campaign:read"]
ROLES = {"admin": PERMISSIONS, "user": ["lead:read"], "promoter": ["lead:read", "user:manage_roles", "user:create"]}
CALLERS = (99,)


def asked(role="admin", name=None, body=None, permissions=None):
    return request(
        body=body, params={"name": name} if name else {}, roles=ROLES,
        principal={"user_id": 99, "email": "boss@example.com", "role": role,
                   "permissions": permissions or ROLES.get(role, []), **FOREIGN})


def create(database, name="exporter", permissions=("lead:export", "lead:read"), caller="admin", on=None):
    return database.call("role_create", asked(caller, body={"name": name, "permissions": list(permissions)}), on=on)


def update(database, name="exporter", permissions=("lead:read",), caller="admin"):
    return database.call("role_update", asked(caller, name, {"permissions": list(permissions)}))


def delete(database, name="exporter", caller="admin"):
    return database.call("role_delete", asked(caller, name))


def refused(call, *args, **kwargs):
    with pytest.raises(psycopg2.Error) as raised:
        call(*args, **kwargs)
    code, sentence, errors = refusal(raised)
    return code, sentence, [error["field"] for error in errors or []]


def known(database):
    """What a gateway is told: the version, and { name: permissions }."""
    rows = database.rows("select * from api.roles_known()", on=database.gateway)
    assert len({version for version, _, _ in rows}) == 1
    return rows[0][0], {name: permissions for _, name, permissions in rows if name}


def test_a_life(database):
    first, roles = known(database)
    assert roles == {}

    assert create(database) == (201, {"name": "exporter", "permissions": ["lead:export", "lead:read"], "custom": True},
                                "/api/admin/roles/exporter", True)
    second, roles = known(database)
    assert roles == {"exporter": "lead:export lead:read"} and second > first

    assert update(database)[:2] == (200, {"name": "exporter", "permissions": ["lead:read"], "custom": True})
    third, roles = known(database)
    assert roles == {"exporter": "lead:read"} and third > second

    assert delete(database) == (204, None, None, True)
    fourth, roles = known(database)
    assert roles == {} and fourth > third

    items, _ = database.logs(action="settings_updated")
    assert [(item["resource_type"], item["resource_id"], item["user_id"], item["success"], item["details"]["permissions"])
            for item in items] == [
        ("role", "exporter", 99, True, {"from": ["lead:read"]}),
        ("role", "exporter", 99, True, {"from": ["lead:export", "lead:read"], "to": ["lead:read"]}),
        ("role", "exporter", 99, True, {"to": ["lead:export", "lead:read"]})]


@pytest.mark.parametrize("body, fields", [
    (None, []), ([], []), ({}, ["name", "permissions"]),
    *[({"name": name, "permissions": []}, ["name"]) for name in
      ("", "Admin", "1a", "a b", "a" * 64, "a\n", "é", 1, None, ["a"])],
    *[({"name": "a", "permissions": permissions}, ["permissions"]) for permissions in
      ("lead:read", None, {}, {"lead:read": 1}, ["lead:steal"], ["lead:*"], ["*"], [1], [None], [["lead:read"]],
       ["lead:read", "lead:read"])],
    ({"name": "a", "permissions": [], "is_admin": True}, ["is_admin"]),
])
def test_bodies_that_are_wrong(untouched, body, fields):
    code, _, named = refused(untouched.call, "role_create", asked(body=body))
    assert (code, named) == ("LG422", fields)


def test_a_role_without_permissions(database):
    assert create(database, permissions=[])[0] == 201
    assert known(database)[1] == {"exporter": ""}


def test_nobody_grants_more_than_they_have(database):
    assert refused(create, database, caller="promoter") == (
        "LG403", "The role exporter grants what yours does not: lead:export.", ["permissions"])
    assert create(database, "reader", ["lead:read"], "promoter")[0] == 201
    assert refused(update, database, "reader", ["lead:export"], "promoter")[0] == "LG403"

    create(database)
    assert refused(update, database, "exporter", ["lead:read"], "promoter")[0] == "LG403"
    assert refused(delete, database, "exporter", "promoter")[0] == "LG403"
    assert known(database)[1] == {"exporter": "lead:export lead:read", "reader": "lead:read"}


def test_what_the_caller_has_is_what_the_database_says(database):
    """A gateway may be late; a caller whose role is gone has nothing."""
    create(database, "boss", ["user:manage_roles", "lead:read", "lead:export"])
    stale = asked("boss", body={"name": "a", "permissions": ["lead:export"]},
                  permissions=["user:manage_roles", "lead:read", "lead:export"])
    update(database, "boss", ["user:manage_roles", "lead:read"])
    assert refused(database.call, "role_create", stale)[0] == "LG403"
    delete(database, "boss")
    stale["body"]["permissions"] = ["lead:read"]
    assert refused(database.call, "role_create", stale)[0] == "LG403"


@pytest.mark.parametrize("name", ROLES)
def test_the_configurations_roles_stay(untouched, name):
    for call in (create, update, delete):
        code, sentence, _ = refused(call, untouched, name)
        assert code == "LG409" and "configuration" in sentence


def test_names_are_taken_once(database):
    create(database)
    assert refused(create, database) == ("LG409", "A role of this name exists already.", ["name"])
    assert sorted(database.parallel(5, lambda n, connection: attempt(create, database, "same", on=connection))) \
        == ["201"] + ["LG409"] * 4


def attempt(call, *args, **kwargs):
    try:
        return str(call(*args, **kwargs)[0])
    except psycopg2.Error as error:
        return error.pgcode


def test_there_is_no_such_role(untouched):
    for name in ("nobody", "' or true", ""):
        assert refused(update, untouched, name)[0] in ("LG404", "LG409")
        assert refused(delete, untouched, name)[0] in ("LG404", "LG409")
    assert refused(update, untouched, "nobody")[0] == "LG404"


def test_a_role_in_use_stays(database):
    create(database)
    user = database.create_user(role="exporter")
    code, sentence, _ = refused(delete, database)
    assert code == "LG409" and "1 users" in sentence
    database.rows("update public.users set role = 'user' where id = %s", user)
    assert delete(database)[0] == 204


def test_users_can_have_it(database):
    def user(role, caller="admin"):
        return database.call("user_create", {**asked(caller), "body": {
            "email": "ann@example.com", "name": "Ann", "hashed_password": "$y$j9T$abcdefgh$0123456789", "role": role}})

    assert refused(user, "exporter")[2] == ["role"]
    create(database)
    assert refused(user, "exporter", "promoter")[0] == "LG403"
    assert user("exporter")[1]["role"] == "exporter"


def test_no_more_than_256(database):
    database.rows("insert into public.roles (name, permissions) select 'r' || n, '{}' from generate_series(1, 256) n")
    code, sentence, _ = refused(create, database)
    assert code == "LG409" and "256" in sentence


def test_gateways_are_told_when_it_is_committed(database):
    database.rows("listen leadgen_roles", on=database.gateway)
    create(database, on=database.connect("gateway"))
    database.rows("select 1", on=database.gateway)
    database.gateway.poll()
    version, _ = known(database)
    assert [notification.payload for notification in database.gateway.notifies] == [str(version)]


def test_decisions_know_them(database):
    create(database, "only", ["lead:export"])
    assert database.value("select private.smallest_role(%s::jsonb, array['lead:export'], null)",
                          psycopg2.extras.Json(asked())) == "only"
