"""Why somebody was refused, as the audit row says."""

import json

import psycopg2
import pytest
from conftest import event, refusal, request

ROLES = {"admin": ["lead:read", "lead:export", "team:read", "user:read"], "boss": ["lead:read", "lead:export", "team:read"],
         "exporter": ["lead:export"], "reader": ["lead:read"]}


def decided(database, id):
    status, body, _, audited = database.call("decision", request(params={"request_id": str(id)}, roles=ROLES))
    assert (status, audited) == (200, False)
    return body


def refused(database, status=403, error="permission-missing: lead:export", **details):
    sent = event(action="access_denied", user_id=7, user_email="ann@example.com", success=False, error_message=error,
                 ip_address="192.0.2.7", details=json.dumps({
                     "method": "GET", "path": "/api/leads/export", "status": status, "role": "reader", **details}))
    database.ingest(sent)
    return decided(database, sent["id"])


def test_all_of_it(database):
    body = refused(database, route="/api/leads/export", requires="lead:read lead:export", permission="lead:export")
    assert body.pop("request_id") and body.pop("timestamp").endswith("Z")
    assert body == {
        "method": "GET", "path": "/api/leads/export", "status": 403, "decision": "denied",
        "reason": "permission-missing", "cause": None, "principal": {"user_id": 7, "email": "ann@example.com", "role": "reader"},
        "ip_address": "192.0.2.7", "route": "/api/leads/export", "requires": ["lead:read", "lead:export"],
        "missing_permission": "lead:export", "failed_condition": None, "smallest_role": "boss", "shadow": None}


@pytest.mark.parametrize("details, role", [
    ({"requires": "lead:export", "permission": "lead:export"}, "exporter"),
    ({"requires": "lead:read user:read"}, "admin"),
    ({"requires": "system:jobs"}, None),
    ({"requires": "lead:export", "condition": "role=boss|admin"}, "boss"),
    ({"condition": "role=admin"}, "admin"),
    ({"condition": "role=nobody"}, None),
    ({"requires": "lead:read", "condition": "own=:id"}, None),
    ({}, None),
])
def test_smallest_role(database, details, role):
    assert refused(database, **details)["smallest_role"] == role


@pytest.mark.parametrize("success, error, status, decision, reason", [
    (True, None, 200, "allowed", None),
    (False, "HTTP status 403", 403, "allowed", None),
    (None, "outcome unknown", None, "unknown", None),
    (False, "not evaluated: HTTP status 400", 400, "not_evaluated", None),
    (False, "token-expired", 401, "unauthenticated", "token-expired"),
    (False, "token-invalid: signature", 401, "unauthenticated", "token-invalid"),
    (False, "route-unknown", 403, "denied", "route-unknown"),
    (False, "path-not-canonical", 400, "denied", "path-not-canonical"),
])
def test_what_became_of_it(database, success, error, status, decision, reason):
    sent = event(success=success, error_message=error, details=json.dumps({"status": status}))
    database.ingest(sent)
    body = decided(database, sent["id"])
    assert (body["decision"], body["reason"], body["principal"]) == (decision, reason, None)
    assert body["cause"] == ("signature" if reason == "token-invalid" else None)


@pytest.mark.parametrize("id", ["01890000-0000-7000-8000-000000000001", "", "x", "' or true --", None])
def test_no_such_request(untouched, id):
    with pytest.raises(psycopg2.Error) as raised:
        untouched.call("decision", request(params={"request_id": id}, roles=ROLES))
    assert refusal(raised)[0] == "LG404"
