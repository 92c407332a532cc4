"""From login to the audit log, as a person with curl would go."""

import datetime
import time
import uuid

import pytest

from conftest import ROLES

CAMPAIGN = {"name": "Spring", "subject": "Hello", "body": "Dear reader"}

# method, path, body, status for (admin, manager, user, nobody)
TABLE = [
    ("GET",    "/api/campaigns",            None,     (200, 200, 200, 401)),
    ("POST",   "/api/campaigns",            CAMPAIGN, (201, 201, 403, 401)),
    ("PUT",    "/api/campaigns/{id}",       CAMPAIGN, (200, 200, 403, 401)),
    ("DELETE", "/api/campaigns/{id}",       None,     (204, 403, 403, 401)),
    ("GET",    "/api/leads?limit=1",        None,     (200, 200, 200, 401)),
    ("GET",    "/api/leads/export",         None,     (200, 200, 403, 401)),
    ("GET",    "/api/unknown",              None,     (403, 403, 403, 401)),
    ("PATCH",  "/api/leads",                None,     (403, 403, 403, 401)),
    ("GET",    "/api/admin/audit-logs",     None,     (200, 403, 403, 401)),
    ("GET",    "/api/admin/roles",          None,     (200, 403, 403, 401)),
    ("GET",    "/api/admin/permissions/me", None,     (200, 200, 200, 401)),
    ("GET",    "/api/auth/me",              None,     (200, 200, 200, 401)),
]
CASES = [(method, path, body, role, status)
         for method, path, body, statuses in TABLE
         for role, status in zip((*ROLES, None), statuses)]


def is_problem(answer):
    problem = answer.json
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert problem["status"] == answer.status
    assert problem["request_id"] == answer.request_id
    for name in ("type", "title", "detail"):
        assert isinstance(problem[name], str) and problem[name]
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    return problem


def audit_items(gateway, query, seconds=30, until=bool):
    """The items of the audit log, asked for until they are there."""
    deadline = time.monotonic() + seconds
    while True:
        answer = gateway.request(
            "GET", f"/api/admin/audit-logs?limit=200&{query}", "admin")
        assert answer.status == 200, answer.body
        items = answer.json["items"]
        if until(items) or time.monotonic() > deadline:
            return items
        time.sleep(0.05)


def item_of(gateway, answer):
    """The one item about a request."""
    def about(items):
        return [item for item in items
                if item["details"].get("request_id") == answer.request_id]

    found = about(audit_items(gateway, "", until=about))
    assert len(found) == 1, f"{len(found)} items about {answer.request_id}"
    return found[0]


@pytest.fixture
def campaign(gateway):
    answer = gateway.request("POST", "/api/campaigns", "admin", CAMPAIGN)
    assert answer.status == 201, answer.body
    return answer.json["id"]


@pytest.mark.parametrize("role", ROLES)
def test_login(gateway, role):
    answer = gateway.login(role)
    assert answer.status == 200, answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    reply = answer.json
    assert reply["token_type"] == "Bearer"
    assert reply["expires_in"] == 900
    assert reply["refresh_token"]
    assert reply["user"]["role"] == role
    assert "hashed_password" not in answer.body.decode()

    item = item_of(gateway, answer)
    assert item["action"] == "login"
    assert item["success"] is True
    assert item["user_email"] == gateway.credentials[role]["email"]


@pytest.mark.parametrize("email, password", [
    (None, "a wrong password"), ("nobody@example.com", "a wrong password")])
def test_login_refused(gateway, email, password):
    email = email or gateway.credentials["user"]["email"]
    answer = gateway.request("POST", "/api/auth/login",
                             body={"email": email, "password": password})
    assert answer.status == 401
    assert is_problem(answer)["type"].endswith("credentials-invalid")

    item = item_of(gateway, answer)
    assert item["action"] == "login"
    assert item["success"] is False
    assert password not in str(item)


@pytest.mark.parametrize("method, path, body, role, status", CASES)
def test_table(gateway, campaign, method, path, body, role, status):
    path = path.format(id=campaign)
    answer = gateway.request(method, path, role, body)
    assert answer.status == status, answer.body

    # a version 7 UUID of now
    request_id = uuid.UUID(answer.request_id)
    assert request_id.version == 7
    assert abs((request_id.int >> 80) / 1000 - time.time()) < 60

    if status >= 400:
        is_problem(answer)

    item = item_of(gateway, answer)
    assert item["id"] == answer.request_id
    assert item["success"] is (status < 400)
    assert item["details"]["status"] == status
    assert item["details"]["method"] == method
    assert item["details"]["path"] == path.partition("?")[0]
    assert item["details"]["duration_ms"] >= 0
    assert item["ip_address"] == "127.0.0.1"
    assert item["timestamp"].endswith("Z")
    if role:
        assert item["user_email"] == gateway.credentials[role]["email"]
    else:
        assert item["user_id"] is None


def test_actions_of_a_campaign(gateway):
    def action(answer):
        item = item_of(gateway, answer)
        return item["action"], item["resource_type"], item["resource_id"]

    created = gateway.request("POST", "/api/campaigns", "manager", CAMPAIGN)
    number = str(created.json["id"])
    path = f"/api/campaigns/{number}"

    assert action(created)[:2] == ("campaign_created", "campaign")
    assert action(gateway.request("PUT", path, "manager", CAMPAIGN)) == (
        "campaign_updated", "campaign", number)
    assert action(gateway.request("DELETE", path, "user")) == (
        "campaign_deleted", "campaign", number)
    assert action(gateway.request("DELETE", path, "admin")) == (
        "campaign_deleted", "campaign", number)


def test_the_permission_missing_is_named(gateway, campaign):
    answer = gateway.request("DELETE", f"/api/campaigns/{campaign}", "user")
    assert is_problem(answer)["required_permission"] == "campaign:delete"


@pytest.mark.parametrize("path", [
    "/api//campaigns", "/api/./campaigns", "/api/x/../campaigns",
    "/api/x/%2e%2e/campaigns", "/api%2fcampaigns", "/api/campaigns%2f1",
    "/api/campaigns;x=1", "/api/campaigns\\1", "/api/campaigns%00",
    "/api/%252e/campaigns", "/api/x#/../campaigns"])
def test_path_not_canonical(gateway, path):
    answer = gateway.request("GET", path, "admin")
    assert answer.status == 400, answer.body


FORGED = [("X-User-Id", "4711"), ("X_User_Id", "4711"), ("x-user-role", "admin"),
          ("X_User_Role", "admin"), ("X-User-Email", "mallory@example.com"),
          ("X_User-Email", "mallory@example.com"), ("X-Request-Id", "forged"),
          ("X_Request_Id", "forged")]


def test_the_backend_sees_who_it_is(gateway):
    me = gateway.request("GET", "/api/auth/me", "user").json
    for headers in ([], FORGED):
        answer = gateway.request("GET", "/api/profile", "user", headers=headers)
        assert answer.status == 200
        assert answer.json == {"user_id": me["id"], "email": me["email"],
                               "role": "user", "request_id": answer.request_id}


def test_the_backend_sees_nobody_on_a_public_route(gateway):
    answer = gateway.request("GET", "/api/public/status", headers=FORGED)
    assert answer.status == 200
    assert uuid.UUID(answer.request_id).version == 7


def test_token_is_checked(gateway):
    token = gateway.token("admin")
    head, payload, signature = token.split(".")
    for wrong in (f"{head}.{payload}.", f"{head}.{payload}.{signature[:-2]}AA",
                  f"eyJhbGciOiJub25lIn0.{payload}.", "x", "a.b.c"):
        answer = gateway.request("GET", "/api/auth/me", headers=[
            ("Authorization", f"Bearer {wrong}")])
        assert answer.status == 401
        is_problem(answer)


def test_two_credentials_are_refused(gateway):
    bearer = ("Authorization", f"Bearer {gateway.token('admin')}")
    answer = gateway.request("GET", "/api/auth/me", headers=[bearer, bearer])
    assert answer.status in (400, 401)


def test_cursor(gateway):
    for _ in range(7):
        gateway.request("GET", "/api/unknown", "user")
    before = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(1)

    query = f"to={before.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}&user_email=" \
            + gateway.credentials["user"]["email"]
    whole = audit_items(gateway, query)
    assert len(whole) >= 7

    items, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        answer = gateway.request(
            "GET", f"/api/admin/audit-logs?limit=3&{query}"
            + (f"&cursor={cursor}" if cursor else ""), "admin")
        assert answer.status == 200, answer.body
        assert len(answer.json["items"]) <= 3
        items += answer.json["items"]
        cursor = answer.json["next_cursor"]
        pages += 1
        # what is inserted meanwhile moves nothing
        gateway.request("GET", "/api/unknown", "user")
        if len(items) >= len(whole):
            break

    assert [item["id"] for item in items[:len(whole)]] == [
        item["id"] for item in whole]
    assert [item["id"] for item in whole] == sorted(
        (item["id"] for item in whole), reverse=True)


def test_filters(gateway):
    gateway.request("GET", "/api/unknown", "user")
    email = gateway.credentials["user"]["email"]
    for item in audit_items(gateway, f"user_email={email}&success=false"):
        assert item["user_email"] == email
        assert item["success"] is False
    answer = gateway.request("GET", "/api/admin/audit-logs?colour=red", "admin")
    assert answer.status == 422
    answer = gateway.request("GET", "/api/admin/audit-logs?limit=201", "admin")
    assert answer.status == 422


def test_health(gateway):
    answer = gateway.request("GET", "/api/health")
    assert answer.status == 200
    assert answer.json["status"] == "healthy"
    assert answer.request_id
