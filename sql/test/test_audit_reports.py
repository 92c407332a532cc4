"""Events that applications report."""

import json
import uuid

import psycopg2
import pytest
from conftest import FOREIGN, refusal, request

ANN = {"user_id": 1, "email": "ann@example.com", "role": "admin", "permissions": [], **FOREIGN}
CALLERS = (1, 2)


def report(database, on=None, principal=ANN, idempotency_key=None, **body):
    return database.call("audit_report", request(
        principal=principal, body=body, idempotency_key=idempotency_key, method="POST",
        path="/api/admin/audit-logs"), on=on)


def test_all_22_actions(database):
    actions = [name for name, in database.rows("select name from private.actions() where scope = 'business'")]
    assert len(actions) == 22
    for action in actions:
        status, item, _, audited = report(database, action=action)
        assert (status, audited, item["action"], item["success"]) == (201, True, action, True)
    assert sorted(item["action"] for item in database.logs()[0]) == sorted(actions)


def test_what_is_reported_is_what_the_row_says(database):
    said = {"action": "integration_added", "user_id": 7, "user_email": "bob@example.com", "resource_type": "integration",
            "resource_id": "mailgun", "ip_address": "2001:db8::1", "user_agent": "settings/1", "success": False,
            "error_message": "no route"}
    _, item, _, _ = report(database, details={"path": "/settings", "region": "eu", "reported_by": 9}, **said)
    assert {name: item[name] for name in said} == said
    assert item["details"]["path"] == "/settings" and item["details"]["region"] == "eu"
    assert item["details"]["reported_by"] == 1 and item["details"]["status"] == 201
    assert database.logs()[0] == [item]


def test_who_reports_stands_for_what_is_left_out(database):
    _, item, _, _ = report(database, action="maintenance_mode", success=False)
    assert (item["user_id"], item["user_email"], item["ip_address"], item["user_agent"]) == (
        1, "ann@example.com", "192.0.2.7", "curl/7")
    assert (item["resource_type"], item["success"], item["error_message"]) == ("system", False, "it failed")


@pytest.mark.parametrize("by", ["id", "idempotency_key"])
def test_a_report_that_comes_again_adds_nothing(database, by):
    name = {by: str(uuid.uuid4())}
    first = report(database, action="system_backup", **name)
    again = report(database, action="system_backup", **name)
    assert again[:2] == first[:2] and (first[3], again[3]) == (True, False)
    if by == "id":
        assert report(database, action="system_backup", id=name["id"].upper())[1] == first[1]
    other = report(database, action="system_backup", principal={**ANN, "user_id": 2}, **name)
    assert other[1]["id"] != first[1]["id"]
    with pytest.raises(psycopg2.Error) as raised:
        report(database, action="system_restore", **name)
    assert refusal(raised)[0] == "LG409"
    assert len(database.logs()[0]) == 2


def test_reports_at_once_add_one(database):
    name = str(uuid.uuid4())
    answers = database.parallel(8, lambda n, on: report(database, on=on, action="system_backup", id=name))
    assert len({json.dumps(body) for _, body, _, _ in answers}) == 1
    assert sum(audited for *_, audited in answers) == 1 == len(database.logs()[0])


@pytest.mark.parametrize("field, value", [
    ("action", None), ("action", "access_granted"), ("action", "x"), ("action", 1), ("id", "x"), ("id", 7),
    ("id", None), ("user_id", "1"), ("user_id", 0), ("user_id", 1.5), ("user_id", 1e30), ("user_email", ""),
    ("user_email", "x" * 255), ("resource_type", "x" * 64), ("resource_type", 1), ("resource_id", "x" * 256),
    ("resource_id", "a\nb"), ("user_agent", "\x1b[31m"), ("error_message", "\u202e"), ("ip_address", "10.0.0.0/8"),
    ("ip_address", "unix:"), ("success", "true"), ("success", None), ("details", []), ("details", "x"),
    ("details", {"a": "x" * 16384}), ("details", {"deep": [{"new_password": "x"}]}), ("details", {"ACCESS_TOKEN": 1}),
    ("timestamp", "2026-11-01T00:00:00Z"), ("", 1)])
def test_bad_fields_are_named(untouched, field, value):
    with pytest.raises(psycopg2.Error) as raised:
        report(untouched, **{"action": "settings_updated", field: value})
    code, _, errors = refusal(raised)
    assert (code, [e["field"] for e in errors]) == ("LG422", [field])


def test_more_that_is_wrong(untouched):
    with pytest.raises(psycopg2.Error) as raised:
        report(untouched, success=True, error_message="x")
    assert [e["field"] for e in refusal(raised)[2]] == ["action", "error_message"]
    with pytest.raises(psycopg2.Error) as raised:
        report(untouched, action="system_backup", idempotency_key="x" * 256)
    assert refusal(raised)[0] == "LG422"
