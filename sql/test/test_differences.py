"""What a shadow policy would change, as audit rows say."""

import datetime
import json

import psycopg2
import pytest
from conftest import event, now, refusal, request

MISSING = "denied: permission-missing: lead:export"
SECOND = datetime.timedelta(seconds=1)


def differs(shadow=MISSING, shadow_route="/api/leads/export", at=None, success=True, error=None, status=200,
            route="/api/leads/:id", method="GET"):
    details = {"method": method, "path": "/api/leads/7", "status": status, "route": route, "shadow": shadow,
               "shadow_route": shadow_route}
    return event(at, action="access_granted", success=success, error_message=error,
                 details=json.dumps({name: value for name, value in details.items() if value}))


def differences(database, **query):
    status, body, _, audited = database.call("policy_differences", request(query=query))
    assert (status, audited) == (200, False)
    return body


def items(database, **query):
    body = differences(database, **query)
    assert body["next_cursor"] is None
    return body["items"]


def test_all_of_it(database):
    at = now().replace(microsecond=0) - 10 * SECOND
    sent = [differs(at=at), differs(at=at + 2 * SECOND), differs(at=at + SECOND)]
    database.ingest(*sent, event(details='{"method": "GET", "route": "/api/leads/:id"}'))
    iso = "%Y-%m-%dT%H:%M:%S.000000Z"
    assert items(database) == [{
        "method": "GET", "route": "/api/leads/:id", "decision": "allowed",
        "shadow": {"route": "/api/leads/export", "decision": "denied", "reason": "permission-missing",
                   "missing_permission": "lead:export"},
        "count": 3, "first_seen": at.strftime(iso), "last_seen": (at + 2 * SECOND).strftime(iso),
        "request_id": str(sent[1]["id"])}]


@pytest.mark.parametrize("difference, decision, shadow", [
    (differs("denied: route-unknown", None), "allowed", (None, "denied", "route-unknown", None)),
    (differs("unauthenticated: token-expired", "/x"), "allowed", ("/x", "unauthenticated", "token-expired", None)),
    # an upstream's own refusal, and what nobody knows the end of, were let through
    (differs(success=False, error="HTTP status 404", status=404), "allowed",
     ("/api/leads/export", "denied", "permission-missing", "lead:export")),
    (differs(success=None, error="outcome unknown", status=None), "allowed",
     ("/api/leads/export", "denied", "permission-missing", "lead:export")),
    (differs("allowed", "/api/leads", success=False, error="permission-missing: lead:read", status=403), "denied",
     ("/api/leads", "allowed", None, None)),
    (differs("public", "/api/**", success=False, error="unauthenticated", status=401), "unauthenticated",
     ("/api/**", "public", None, None)),
])
def test_decisions(database, difference, decision, shadow):
    database.ingest(difference)
    item, = items(database)
    assert item["decision"] == decision
    assert item["shadow"] == dict(zip(("route", "decision", "reason", "missing_permission"), shadow))


def test_one_for_each_kind(database):
    database.ingest(differs(), differs(method="HEAD"), differs(route="/api/**"), differs(shadow_route="/api/leads"),
                    differs("denied: condition-failed"), differs(), differs(route=None))
    assert sorted(item["count"] for item in items(database)) == [1, 1, 1, 1, 1, 2]


def test_period(database):
    noon = now().replace(hour=12, minute=0, second=0, microsecond=0) - datetime.timedelta(days=2)
    database.ingest(differs(at=noon), differs(at=noon + SECOND), differs(at=noon + 2 * SECOND), differs())
    assert [item["count"] for item in items(database)] == [1]
    assert [item["count"] for item in items(
        database, **{"from": noon.isoformat(), "to": (noon + 2 * SECOND).isoformat()})] == [2]
    assert items(database, to=noon.isoformat()) == []


def test_pages(database):
    at = now() - 10 * SECOND
    database.ingest(*(differs(at=at + i * SECOND, route=f"/{i}") for i in range(5)))
    seen, cursor = [], {}
    while cursor is not None:
        page = differences(database, limit="2", **cursor)
        seen += [item["route"] for item in page["items"]]
        cursor = page["next_cursor"] and {"cursor": page["next_cursor"]}
    assert seen == ["/4", "/3", "/2", "/1", "/0"]


@pytest.mark.parametrize("query", [
    {"from": "yesterday"}, {"to": "x"}, {"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"cursor": "x"},
    {"route": "/"}])
def test_refused(untouched, query):
    with pytest.raises(psycopg2.Error) as raised:
        untouched.call("policy_differences", request(query=query))
    state, _, errors = refusal(raised)
    assert state == "LG422" and [error["field"] for error in errors] == list(query)


def test_one_decision_says_it(database):
    sent = differs()
    database.ingest(sent)
    _, body, _, _ = database.call("decision", request(params={"request_id": str(sent["id"])}, roles={}))
    assert body["shadow"]["missing_permission"] == "lead:export"


def test_its_index(database):
    """Rows without a shadow are not looked at, however many there are."""
    database.ingest(*(event(sequence=i) for i in range(400)), differs())
    database.rows("set enable_seqscan = off")
    plan = "\n".join(row[0] for row in database.rows("""
        explain select from public.audit_logs where details ? 'shadow'
            and id >= private.uuid_at(now() - interval '1 day') and id < private.uuid_at(now())"""))
    # a condition that an index implies is not asked again
    assert "Index" in plan and "details" not in plan, plan
