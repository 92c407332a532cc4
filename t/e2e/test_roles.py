"""Roles in the database: live on two gateways, and through an outage."""

import os

import pytest

from conftest import another_gateway, database_away, wait_until

WITHIN = 1.0        # seconds in which a change takes effect everywhere
CAMPAIGNS, LEADS = "/api/campaigns", "/api/leads"


@pytest.fixture(scope="module")
def second(gateway):
    with another_gateway(gateway, "roles", "leadgen_role auditor system:audit;") as other:
        yield other


@pytest.fixture(scope="module")
def both(gateway, second):
    return gateway, second


def call(gateway, method, name="", role="admin", **body):
    return gateway.request(method, f"/api/admin/roles{name and '/' + name}", role, body or None)


def roles(gateway):
    answer = call(gateway, "GET")
    assert answer.status == 200
    return {role["name"]: role["permissions"] for role in answer.json["roles"] if role["custom"]}


@pytest.fixture
def role(gateway, both):
    """A new role that may see campaigns, and a token of somebody who has it."""
    name = "r" + os.urandom(4).hex()
    answer = gateway.request(
        "POST", "/api/admin/roles", "admin", {"name": name, "permissions": ["campaign:read"]})
    assert answer.status == 201, answer.body
    assert answer.headers["Location"] == f"/api/admin/roles/{name}"
    user = {"email": f"{name}@example.com", "name": name, "password": "a long password", "role": name}
    made = gateway.request("POST", "/api/admin/users", "admin", user)
    assert made.status == 201, made.body
    login = gateway.request("POST", "/api/auth/login", body={"email": user["email"], "password": user["password"]})
    assert login.status == 200, login.body
    yield name, login.json["access_token"], made.json["id"]
    gateway.request("DELETE", f"/api/admin/users/{made.json['id']}", "admin")
    call(gateway, "DELETE", name)


def statuses(both, token, path):
    return [one.request("GET", path, headers=[("Authorization", f"Bearer {token}")]).status for one in both]


def test_live_on_both(gateway, second, both, role):
    name, token, user = role
    assert roles(gateway)[name] == ["campaign:read"]
    wait_until(lambda: roles(second).get(name) == ["campaign:read"], WITHIN, "role elsewhere")
    assert statuses(both, token, CAMPAIGNS) == [200, 200]
    assert statuses(both, token, LEADS) == [403, 403]

    answer = call(gateway, "PUT", name, permissions=["lead:read"])
    assert (answer.status, answer.json["permissions"]) == (200, ["lead:read"])
    assert statuses([gateway], token, LEADS) == [200]
    wait_until(lambda: statuses(both, token, LEADS) == [200, 200], WITHIN, "the new right on both")
    assert statuses(both, token, CAMPAIGNS) == [403, 403]

    mine = gateway.request("GET", "/api/admin/permissions/me", headers=[("Authorization", f"Bearer {token}")])
    assert mine.json["permissions"] == ["lead:read"]

    assert call(gateway, "DELETE", name).status == 409
    assert gateway.request("DELETE", f"/api/admin/users/{user}", "admin").status == 204
    assert call(second, "DELETE", name).status == 204
    assert name not in roles(second)
    wait_until(lambda: name not in roles(gateway), WITHIN, "end of the role elsewhere")

    rows = gateway.sql("select details -> 'permissions' from audit_logs where action = 'settings_updated'"
                       " and resource_type = 'role' and resource_id = %s and success order by id", name)
    assert [row[0] for row in rows] == [
        {"to": ["campaign:read"]}, {"from": ["campaign:read"], "to": ["lead:read"]}, {"from": ["lead:read"]}]


@pytest.mark.parametrize("method, name, body, status", [
    ("POST", "", {"name": "admin", "permissions": []}, 409),
    ("PUT", "manager", {"permissions": []}, 409),
    ("DELETE", "user", None, 409),
    ("PUT", "nobody", {"permissions": []}, 404),
    ("POST", "", {"name": "x", "permissions": ["lead:steal"]}, 422),
    ("POST", "", {"name": "x", "permissions": [], "is_admin": True}, 422),
])
def test_refused(gateway, method, name, body, status):
    answer = gateway.request(method, f"/api/admin/roles{name and '/' + name}", "admin", body)
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_not_for_everybody(gateway):
    for caller, status in (("manager", 403), (None, 401)):
        assert gateway.request("POST", "/api/admin/roles", caller, {"name": "x", "permissions": []}).status == status
        assert gateway.request("DELETE", "/api/admin/roles/x", caller).status == status


def test_check_and_decision_know_it(gateway, role):
    name, token, _ = role
    answer = gateway.request("POST", "/api/admin/policy/check", "admin", {
        "method": "GET", "path": LEADS, "role": name})
    assert answer.json["missing_permission"] == "lead:read"
    answer = gateway.request("POST", "/api/admin/policy/check", "admin", {"method": "GET", "path": CAMPAIGNS})
    assert answer.json["smallest_role"].startswith("r")


def test_an_outage_changes_nothing(gateway, role):
    """The last known set holds, for new workers, too."""
    name, token, _ = role
    def mine():
        answer = gateway.request("GET", "/api/admin/permissions/me", headers=[("Authorization", f"Bearer {token}")])
        return answer.status, answer.json["permissions"]

    with database_away(gateway):
        assert mine() == (200, ["campaign:read"])
        gateway.reload()
        assert mine() == (200, ["campaign:read"])
        assert statuses([gateway], token, LEADS) == [403]
        assert name in roles(gateway)
        assert call(gateway, "DELETE", name).status == 503
    wait_until(lambda: call(gateway, "PUT", name, permissions=["lead:read"]).status == 200, 15, "database")
    assert mine() == (200, ["lead:read"])
