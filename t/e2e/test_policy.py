"""Asking about policies: why somebody was refused, and who would be."""

import re
import urllib.parse
import uuid

import pytest

from conftest import Gateway, another_gateway, free_port, wait_until


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


# --- what would a stricter policy change?

SHADOWED = """
    server {
        listen 127.0.0.1:%d;
        leadgen_audit routes;
        location /api/ {
            leadgen_policy { include routes.conf; }
            leadgen_policy shadow {
                GET   /api/campaigns     campaign:read;
                POST  /api/campaigns     campaign:delete;
                GET   /api/leads         lead:export;
                GET   /api/leads/export  lead:read;
                GET   /api/teams         team:read role=admin;
                GET   /api/public/info   role=admin;
                GET   /api/public/**     public;
            }
            include proxy.conf;
            proxy_pass http://backend;
        }
    }
"""

TRAFFIC = [(method, path, role)
           for role in ("admin", "manager", "user", None)
           for method, path in (
               ("GET", "/api/campaigns"), ("POST", "/api/campaigns"), ("GET", "/api/leads"), ("GET", "/api/leads"),
               ("GET", "/api/leads/export"), ("GET", "/api/teams"), ("GET", "/api/public/info"),
               ("GET", "/api/public/status"), ("GET", "/api/profile"), ("GET", "/api//leads"))]

DIFFERENCES = {
    # what is enforced -> what the shadow says of it, and how often
    ("POST", "/api/campaigns", "allowed", "/api/campaigns", "denied", "permission-missing", "campaign:delete"): 1,
    ("GET", "/api/leads", "allowed", "/api/leads", "denied", "permission-missing", "lead:export"): 2,
    ("GET", "/api/leads/export", "denied", "/api/leads/export", "allowed", None, None): 1,
    ("GET", "/api/teams", "allowed", "/api/teams", "denied", "permission-missing", None): 1,
    ("GET", "/api/public/**", "allowed", "/api/public/info", "unauthenticated", "unauthenticated", None): 1,
    ("GET", "/api/public/**", "allowed", "/api/public/info", "denied", "permission-missing", None): 2,
    ("GET", "/api/profile", "allowed", None, "denied", "route-unknown", None): 3,
}


def test_shadow(gateway):
    """The same traffic to the example backend with and without a shadow."""
    port = free_port()
    since = gateway.request("GET", "/api/health").json["timestamp"]
    found = {}

    def send(to, method, path, role):
        body = {"name": "Shadows", "subject": "x"} if method == "POST" else None
        return to.request(method, path, role, body)

    def differ():
        query = urllib.parse.urlencode({"from": since})
        found["items"] = gateway.request("GET", f"/api/admin/policy/differences?{query}", "admin").json["items"]
        return sum(item["count"] for item in found["items"]) >= sum(DIFFERENCES.values())

    with another_gateway(gateway, "shadow", SHADOWED % port) as other:
        shadowed = Gateway(gateway.run, port, gateway.sentry)
        shadowed.tokens = {role: gateway.token(role) for _, _, role in TRAFFIC if role}
        ids = {}
        for what in TRAFFIC:
            answer = send(shadowed, *what)
            assert answer.status == send(gateway, *what).status, what
            ids[answer.request_id] = what
        metrics = other.request("GET", "/metrics").body.decode()
        wait_until(differ, 30, "differences")

    assert {(item["method"], item["route"], item["decision"], *(item["shadow"][name] for name in (
                "route", "decision", "reason", "missing_permission"))): item["count"]
            for item in found["items"]} == DIFFERENCES
    counts = dict(re.findall(r'shadow_decisions_total\{result="(\w+)"\} (\d+)', metrics))
    denied = sum(count for what, count in DIFFERENCES.items() if what[2] == "allowed")
    assert counts == {"same": str(len(TRAFFIC) - denied - 1), "would_deny": str(denied), "would_allow": "1"}

    for item in found["items"]:
        method, path, _ = ids[item["request_id"]]
        told = decision(gateway, item["request_id"]).json
        assert (told["method"], told["path"], told["shadow"]) == (method, path, item["shadow"])
        # nobody learns who took a public route
        assert (told["principal"] is None) == (item["route"] == "/api/public/**"), item
