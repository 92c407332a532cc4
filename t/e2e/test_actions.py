"""Each action that include/tables names comes from somewhere: a route of conf/,
a call of the API, or a report of an application's."""

import os
import re
import uuid

import pytest

from conftest import ROOT, wait_until
from test_tracking import hits, token

ACTIONS = dict(re.findall(
    r'^ACTION\(\w+, *"(\w+)", *(\w+),',
    (ROOT / "include/tables/actions.def").read_text(), re.M))
CAMPAIGN = {"name": "Spring", "subject": "Hello", "body": "Dear reader"}
LEAD = {"first_name": "Ann", "last_name": "Lee", "company": "Acme",
        "email": "ann@example.com"}
JOB = {"task": "calculate_daily_metrics", "kwargs": {"days": 2},
       "countdown": 3600}
# only the application knows of these
REPORTED = ("settings_updated", "integration_added", "integration_removed",
            "system_backup", "system_restore", "maintenance_mode")
# of a WebSocket: see test_websocket.py
ENDED = "access_ended"
HITS = {
    "email_opened": ("GET", "open", "/t/o/{}.gif"),
    "email_clicked": ("GET", "click", "/t/c/{}"),
    "email_unsubscribed": ("POST", "unsubscribe", "/t/u/{}")}


class Calls:
    """What somebody does, so that an action is recorded; each returns the
    answer whose row it is."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.session = None
        self.user = None
        self.ids = {}

    def ask(self, method, path, body=None, token=None):
        headers = [("Authorization", f"Bearer {token}")] if token else []
        answer = self.gateway.request(method, path, headers=headers, body=body,
                                      role=None if token else "admin")
        assert answer.status < 300, answer.body
        return answer

    # --- sessions

    def login(self):
        answer = self.gateway.login("user")
        self.session = answer.json
        return answer

    def token_refresh(self):
        answer = self.gateway.request("POST", "/api/auth/refresh", body={
            "refresh_token": self.session["refresh_token"]})
        self.session = answer.json
        return answer

    def logout(self):
        return self.ask("POST", "/api/auth/logout",
                        token=self.session["access_token"])

    def password_reset(self):
        return self.ask("POST", "/api/auth/password-reset",
                        {"email": self.user["email"]})

    # --- users

    def user_created(self):
        answer = self.ask("POST", "/api/admin/users", {
            "email": f"actions-{os.urandom(4).hex()}@example.com",
            "name": "Ann", "role": "user", "password": "a long password"})
        self.user = answer.json
        return answer

    def change(self, **fields):
        return self.ask("PUT", f"/api/admin/users/{self.user['id']}", fields)

    def user_updated(self):
        return self.change(name="Bob")

    def role_changed(self):
        return self.change(role="manager")

    def user_deleted(self):
        return self.ask("DELETE", f"/api/admin/users/{self.user['id']}")

    # --- what the application does

    def created(self, things, body):
        answer = self.ask("POST", f"/api/{things}", body)
        self.ids[things] = answer.json["id"]
        return answer

    def on(self, method, things, rest="", body=None):
        return self.ask(method, f"/api/{things}/{self.ids[things]}{rest}", body)

    def campaign_created(self):
        return self.created("campaigns", CAMPAIGN)

    def campaign_updated(self):
        return self.on("PUT", "campaigns", body=CAMPAIGN)

    def campaign_published(self):
        return self.on("POST", "campaigns", "/publish")

    def campaign_deleted(self):
        return self.on("DELETE", "campaigns")

    def lead_created(self):
        return self.created("leads", LEAD)

    def lead_updated(self):
        return self.on("PUT", "leads", body=LEAD)

    def lead_deleted(self):
        return self.on("DELETE", "leads")

    def lead_exported(self):
        return self.ask("GET", "/api/leads/export")

    def access_granted(self):
        return self.ask("GET", "/api/leads?limit=1")

    def access_denied(self):
        return self.gateway.request("GET", "/api/unknown", "user")

    # --- jobs

    def job_enqueued(self):
        answer = self.ask("POST", "/api/jobs", JOB)
        self.ids["jobs"] = answer.json["id"]
        return answer

    def job_revoked(self):
        return self.on("DELETE", "jobs")

    def job_retried(self):
        return self.on("POST", "jobs", "/retry")

    def __getattr__(self, action):
        if action not in REPORTED:
            raise AttributeError(f"nothing drives {action}")
        return lambda: self.ask("POST", "/api/admin/audit-logs",
                                {"action": action})


# each needs what is before it
ORDER = (
    "user_created", "login", "token_refresh", "logout", "password_reset",
    "user_updated", "role_changed", "user_deleted", "campaign_created",
    "campaign_updated", "campaign_published", "campaign_deleted",
    "lead_created", "lead_updated", "lead_exported", "lead_deleted",
    "job_enqueued", "job_revoked", "job_retried")


@pytest.fixture(scope="module")
def mails(gateway):
    """{ action: the mail that it is about }"""
    messages = {}
    for action in (name for name, scope in ACTIONS.items()
                   if scope == "TRACKING"):
        method, kind, path = HITS[action]
        messages[action] = uuid.uuid4()
        url = "https://example.com/" if kind == "click" else ""
        answer = gateway.request(method, path.format(
            token(gateway, kind[0], messages[action], url)))
        assert answer.status in (200, 302), answer.body
    return messages


@pytest.fixture(scope="module")
def answers(gateway, mails):
    """{ action: the answer that it is recorded for }"""
    calls = Calls(gateway)
    rows = {action for action, scope in ACTIONS.items() if scope != "TRACKING"
            and action != ENDED}
    return {action: getattr(calls, action)()
            for action in (*ORDER, *sorted(rows - set(ORDER)))}


def test_there_are_22_and_what_the_gateway_adds():
    scopes = list(ACTIONS.values())
    assert {scope: scopes.count(scope) for scope in set(scopes)} == {
        "BUSINESS": 22, "ACCESS": 3, "JOBS": 3, "TRACKING": 3}


@pytest.mark.parametrize(
    "action", [name for name, scope in ACTIONS.items()
               if scope != "TRACKING" and name != ENDED])
def test_an_action_is_recorded(gateway, answers, action):
    answer = answers[action]

    def recorded():
        return gateway.sql(
            "select success, details ->> 'status' from audit_logs where"
            " action = %s and (id = %s::uuid or details ->> 'request_id' = %s)",
            action, answer.request_id, answer.request_id)

    wait_until(recorded, 30, f"row of {action}")
    assert recorded() == [(action != "access_denied", str(answer.status))]


def test_a_hit_on_a_mail_is_a_job(gateway, mails):
    """Last, since hits are collected for a while."""
    wait_until(lambda: len(mails) == sum(len(hits(gateway, message))
                                         for message in mails.values()), 30,
               "jobs of hits")
    for action, message in mails.items():
        assert [hit[0] for hit in hits(gateway, message)] == [HITS[action][1]]
