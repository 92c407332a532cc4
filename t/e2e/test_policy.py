"""Asking about policies: why somebody was refused, and who would be."""

import uuid

import pytest

from conftest import wait_until


def decision(gateway, id, role="admin"):
    return gateway.request("GET", f"/api/admin/decisions/{id}", role)


def decided(gateway, answer):
    """The decision about a request, once its event has come."""
    found = {}

    def is_there():
        found["answer"] = decision(gateway, answer.request_id)
        return found["answer"].status != 404

    wait_until(is_there, 5, "decision")
    assert found["answer"].status == 200, found["answer"].body
    return found["answer"].json


# --- why was I denied?

@pytest.mark.parametrize("role, method, path, status, expected", [
    ("user", "DELETE", "/api/campaigns/3", 403, {
        "decision": "denied", "reason": "permission-missing", "route": "/api/campaigns/:id",
        "requires": ["campaign:delete"], "missing_permission": "campaign:delete",
        "failed_condition": None, "smallest_role": "admin"}),
    ("user", "GET", "/api/leads/export", 403, {
        "decision": "denied", "missing_permission": "lead:export", "smallest_role": "manager"}),
    ("manager", "GET", "/api/nowhere", 403, {
        "decision": "denied", "reason": "route-unknown", "route": None, "smallest_role": None}),
    (None, "GET", "/api/campaigns", 401, {
        "decision": "unauthenticated", "reason": "unauthenticated", "route": "/api/campaigns",
        "principal": None, "smallest_role": "user"}),
    ("user", "GET", "/api/admin/users", 403, {
        "decision": "denied", "route": "/api/admin/users", "missing_permission": "user:read"}),
])
def test_why(gateway, role, method, path, status, expected):
    answer = gateway.request(method, path, role)
    assert answer.status == status
    assert answer.json["request_id"] == answer.request_id
    told = decided(gateway, answer)
    assert (told["method"], told["path"], told["status"]) == (method, path, status)
    assert {name: told[name] for name in expected} == expected
    if role:
        assert told["principal"]["role"] == role
        assert told["principal"]["email"] == gateway.credentials[role]["email"]


@pytest.mark.parametrize("id", [uuid.uuid4(), "x", "01890000-0000-7000-8000-00000000000g"])
def test_no_such_decision(gateway, id):
    answer = decision(gateway, id)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["request_id"] == answer.request_id


def test_decisions_are_not_for_everybody(gateway):
    assert decision(gateway, uuid.uuid4(), "manager").status == 403
    assert decision(gateway, uuid.uuid4(), None).status == 401


# --- who would be refused?

def check(gateway, **question):
    answer = gateway.request("POST", "/api/admin/policy/check", "admin", question)
    assert answer.status == 200, answer.body
    return answer.json


def user_id(gateway, role):
    return gateway.request("GET", "/api/auth/me", role).json["id"]


@pytest.mark.parametrize("role, path, result", [
    ("user", "/api/leads/export", "denied"), ("manager", "/api/leads/export", "allowed"),
    ("user", "/api/admin/users", "denied"), ("user", "/api/public/info", "public")])
def test_a_users_check(gateway, role, path, result):
    answer = check(gateway, method="GET", path=path, user_id=user_id(gateway, role))
    assert (answer["result"], answer["role"]) == (result, role)
    assert answer == check(gateway, method="GET", path=path, role=role)


def test_check_of_nobody_there(gateway):
    answer = gateway.request("POST", "/api/admin/policy/check", "admin",
                             {"method": "GET", "path": "/api/leads", "user_id": 10 ** 15})
    assert answer.status == 404


def test_a_check_reaches_no_backend(gateway):
    before = len(gateway.request("GET", "/api/campaigns", "admin").json["items"])
    assert check(gateway, method="POST", path="/api/campaigns", role="admin")["result"] == "allowed"
    assert len(gateway.request("GET", "/api/campaigns", "admin").json["items"]) == before
