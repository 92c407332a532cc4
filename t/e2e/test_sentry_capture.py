"""What goes wrong at the gateway comes to Sentry: with what happened before,
who it was and which trace, and without secrets."""

import base64
import hashlib
import hmac
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import test_sentry
from sentry_receiver import Receiver

from conftest import free_port, wait_until

CANARY = "canary-of-a-parrot"
KEY = b"0123456789abcdef" * 4


def token(role="user"):
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")
    now = int(time.time())
    claims = {"iss": "leadgen", "sub": "7", "email": "jane@example.com", "role": role, "iat": now, "exp": now + 600,
              "sid": "00000000-0000-7000-8000-000000000001", "jti": "00000000-0000-7000-8000-000000000002"}
    text = part(b'{"alg":"HS256","typ":"JWT","kid":"test"}') + b"." + part(json.dumps(claims).encode())
    return (text + b"." + part(hmac.digest(KEY, text, hashlib.sha256))).decode()


def test_a_failed_request(monkeypatch):
    closed = free_port()
    conf = test_sentry.CONF.replace("queue=8m level=off;", "queue=8m traces_sample_rate=1 tag=region:eu;").replace(
        "location = /metrics", """location /api/ {{
            leadgen_policy {{ GET /api/things/:id lead:read; }}
            proxy_pass http://127.0.0.1:%d;
        }}
        location = /metrics""" % closed)
    monkeypatch.setattr(test_sentry, "CONF", conf)
    with Receiver() as receiver, test_sentry.Nginx(receiver.dsn) as nginx:
        bearer = token()
        request = urllib.request.Request(
            f"http://127.0.0.1:{nginx.port}/api/things/5?password={CANARY}&q={CANARY}",
            headers={"Authorization": f"Bearer {bearer}", "Cookie": f"id={CANARY}", "X-Api-Key": CANARY,
                     "User-Agent": f"client token={CANARY}", "Referer": f"http://u:{CANARY}@a.example/?x={CANARY}"})
        try:
            urllib.request.urlopen(request, timeout=30)
            assert False
        except urllib.error.HTTPError as error:
            assert error.code == 502
            request_id = error.headers["X-Request-Id"]
        def ours(kind):
            return [one for one in receiver.items(kind) if one.get("transaction") == "GET /api/things/:id"]
        wait_until(lambda: ours("event") and ours("transaction"), 30, "items")
        text = repr(receiver.envelopes)
        assert CANARY not in text and bearer not in text and "jane@" not in text
        [event], [transaction] = ours("event"), ours("transaction")
        assert receiver.errors == []

    assert event["exception"]["values"][0]["type"] == "UpstreamError"
    assert "Connection refused" in event["logentry"]["formatted"]
    assert event["user"] == {"id": 7, "role": "user"}
    assert event["tags"]["request_id"] == request_id and event["tags"]["region"] == "eu"
    assert event["request"]["url"].endswith("/api/things/5?password=[Filtered]&q=[Filtered]")
    assert {"auth", "decision", "upstream"} <= {crumb["category"] for crumb in event["breadcrumbs"]["values"]}
    trace = event["contexts"]["trace"]
    assert trace["trace_id"] == request_id.replace("-", "")
    assert transaction["contexts"]["trace"]["trace_id"] == trace["trace_id"]
    assert {"auth", "policy", "http.client"} <= {span["op"] for span in transaction["spans"]}


def test_what_an_application_tells(monkeypatch):
    conf = test_sentry.CONF.replace("level=off;", "level=off environment=test release=1.2 tag=region:eu;").replace(
        "location = /metrics", "location /api/admin {{ leadgen_api; }}\n        location = /metrics")
    monkeypatch.setattr(test_sentry, "CONF", conf)
    trace = os.urandom(16).hex()
    secret = f"password={CANARY}"
    told = {
        "message": f"it failed with {secret}", "level": "fatal", "platform": "python", "transaction": f"a?b={CANARY}",
        "user_id": 8, "fingerprint": ["prices", secret],
        "exception": {"type": "ValueError", "value": f"Bearer {CANARY}", "frames": [
            {"filename": "/a/main.py", "function": "main", "module": "a", "lineno": 3, "in_app": False},
            {"filename": f"postgres://u:{CANARY}@h/d", "function": secret, "module": secret}]},
        "tags": {"shop": "eu-1", "api_key": CANARY, "note": secret},
        "contexts": {"cart": {"items": "3", "token": CANARY, "note": secret}}}
    with Receiver() as receiver, test_sentry.Nginx(receiver.dsn) as nginx:
        request = urllib.request.Request(
            f"http://127.0.0.1:{nginx.port}/api/admin/errors", json.dumps(told).encode(),
            {"Authorization": f"Bearer {token('admin')}", "Content-Type": "application/json",
             "sentry-trace": f"{trace}-00f067aa0ba902b7-1"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 202
            event_id = json.load(answer)["id"]
            request_id = answer.headers["X-Request-Id"]
        wait_until(lambda: receiver.items("event"), 30, "event")
        event, = receiver.items("event")
        assert CANARY not in repr(receiver.envelopes) and CANARY not in nginx.log()
        assert receiver.errors == []

    exception, = event["exception"]["values"]
    outer, inner = exception["stacktrace"]["frames"]
    assert event["event_id"] == event_id
    assert event["level"] == "fatal" and event["platform"] == "python" and event["logger"] == "application"
    assert event["environment"] == "test" and event["release"] == "1.2"
    assert event["logentry"]["formatted"].startswith("it failed with password=")
    assert exception["type"] == "ValueError"
    assert outer == {"filename": "/a/main.py", "function": "main", "module": "a", "lineno": 3, "in_app": False}
    assert inner["in_app"] and "lineno" not in inner
    assert event["tags"] == {"region": "eu", "request_id": request_id, "shop": "eu-1",
                             "api_key": "[Filtered]", "note": "password=[Filtered]"}
    assert event["contexts"]["cart"] == {"items": "3", "token": "[Filtered]", "note": "password=[Filtered]"}
    assert event["contexts"]["trace"]["trace_id"] == trace
    assert event["user"] == {"id": 8}
    assert event["fingerprint"] == ["prices", "password=[Filtered]"]


def test_a_trace_through_the_system(gateway):
    """A page's trace: gateway, upstream and worker tell what failed in it."""
    trace = os.urandom(16).hex()
    page = [("sentry-trace", f"{trace}-00f067aa0ba902b7-1")]

    def ours(kind):
        return [one for one in gateway.sentry.items(kind)
                if one["contexts"].get("trace", {}).get("trace_id") == trace]

    gateway.sql("alter table app.teams rename to lost")
    try:
        answer = gateway.request("GET", "/api/teams", "admin", headers=page)
    finally:
        gateway.sql("alter table app.lost rename to teams")
    assert answer.status == 500
    job = gateway.request("POST", "/api/jobs", "admin", headers=page, body={
        "task": "send_campaign_email",
        "kwargs": {"campaign_id": 999999, "lead_id": 999999}}).json["id"]

    wait_until(lambda: len(ours("event")) == 2
               and len(ours("transaction")) == 2, 60, "what happened")
    by_platform = {one["platform"]: one for one in ours("event")}
    upstream, worker = by_platform["c"], by_platform["python"]
    assert upstream["exception"]["values"][0]["type"] == "UpstreamError"
    assert upstream["transaction"] == "GET /api/teams"
    assert upstream["tags"]["request_id"] == answer.request_id
    assert worker["tags"]["celery_task_id"] == job
    assert "there is no" in worker["exception"]["values"][-1]["value"].lower()
    assert {one["transaction"] for one in ours("transaction")} == {
        "GET /api/teams", "POST /api/jobs"}
    # the job goes on where the request that asked for it was
    asking, = (one["contexts"]["trace"]["span_id"] for one in ours("transaction")
               if one["transaction"] == "POST /api/jobs")
    assert worker["contexts"]["trace"]["parent_span_id"] == asking


def test_a_job_that_is_lost(gateway):
    """Its worker can't tell: the relay does, which finds it."""
    job = gateway.request("POST", "/api/jobs", "admin", body={
        "task": "send_campaign_email", "countdown": 3600, "kwargs": {"campaign_id": 999999, "lead_id": 999999}}).json["id"]
    try:
        # its worker came back since then, as another process that knows nothing of it
        gateway.sql("insert into public.job_workers (hostname, since, last_heartbeat, is_online)"
                    " values ('ghost@nowhere', now(), now(), true);"
                    " update public.jobs set status = 'started', worker = 'ghost@nowhere', due_at = null,"
                    f" started_at = now() - interval '1 minute' where id = '{job}'")

        def told():
            return [event for event in gateway.sentry.items("event")
                    if job in event.get("logentry", {}).get("formatted", "")]
        wait_until(told, 60, "event")
        event, = told()
        assert event["level"] == "error"
        assert event["logentry"]["formatted"] == (
            f"leadgen: watcher: job {job} of send_campaign_email is lost:"
            " The worker ghost@nowhere was lost with it. It is tried again.")
    finally:
        gateway.sql(f"update public.jobs set status = 'revoked', due_at = null, finished_at = now() where id = '{job}';"
                    " delete from public.job_workers where hostname = 'ghost@nowhere'")


# secrets as they come: a name that says so, or a shape that does; {n} makes each another
SHAPES = (
    "password=pw-{n}-Zq8Kx", "api_key=ak-{n}-Zq8Kx", "Bearer br-{n}-Zq8Kx7LmNp", "token: tk-{n}-Zq8Kx",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOi{n}xIn0.c2lnbmF0dXJl{n}Q", "AKIAIOSFODNN7{n:03}QWER",
    "ghp_16C7e42F292c6912E7710c838347Ae17{n:04}", "postgres://u{n}:pg-{n}-Zq8Kx@db/x", "xoxb-123456789012-ab{n:03}cdef",
    "sk_live_abcdefgh{n:04}", "jane.{n}@example.com", "client_secret=cs-{n}-Zq8Kx",
    "https://0123456789abcdef0123456789ab{n:04}@sentry.example.com/1", "kX9mQ2vT7pLw4RbN8c{n:04}")
"""Text around a secret, and what of it must not be seen."""


def planted(n):
    text = SHAPES[n % len(SHAPES)].format(n=n)
    secret = max(re.split(r"password=|api_key=|Bearer |token: |client_secret=|postgres://|https://|@db/x|@sentry.*", text),
                 key=len)
    return text, secret


def test_a_hundred_secrets_in_all_that_a_request_has(monkeypatch):
    """None comes to Sentry: by headers, queries, paths, cookies, bodies, lines of
    the error log, what the upstream is called, captures, breadcrumbs."""
    closed = free_port()
    conf = test_sentry.CONF.replace(
        "level=off;", "level=warn traces_sample_rate=1 tag=note:password=tag-Zq8Kx;").replace(
        "location = /metrics", """location /api/admin {{ leadgen_api; }}
        location /api/ {{
            leadgen_policy {{ POST /api/** public; }}
            proxy_pass http://127.0.0.1:%d/up?password=upstream-Zq8Kx&x=upstream-Yp7;
        }}
        location = /metrics""" % closed)
    monkeypatch.setattr(test_sentry, "CONF", conf)
    secrets, numbers = ["tag-Zq8Kx", "upstream-Zq8Kx", "upstream-Yp7", "swordfish-key"], iter(range(1, 1000))

    def plant(quote=False):
        text, secret = planted(next(numbers))
        secrets.append(secret)
        return urllib.parse.quote(text, safe="") if quote else text

    with Receiver() as receiver, test_sentry.Nginx(receiver.dsn) as nginx:
        url = f"http://127.0.0.1:{nginx.port}"

        def send(path, headers=(), body=None):
            request = urllib.request.Request(url + path, body, dict(headers))
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.status
            except urllib.error.HTTPError as error:
                return error.code

        for n in range(10):
            status = send(f"/api/x{n}?a={plant(True)}&password={plant(True)}", {
                "User-Agent": plant(), "Referer": f"http://a.example/?q={plant(True)}", "Origin": plant(),
                "Accept": plant(), "Cookie": plant(), "X-Api-Key": plant(), "X-Anything": plant(),
                "Content-Type": plant(), "baggage": f"x={plant(True)}"}, json.dumps({"a": plant()}).encode())
            assert status == 502
        for n in range(5):
            told = {"message": plant(), "transaction": plant(), "fingerprint": [plant()], "tags": {"a": plant()},
                    "contexts": {"a": {"b": plant()}},
                    "exception": {"type": plant(), "value": plant(), "frames": [
                        {"filename": plant(), "function": plant(), "module": plant()}]}}
            assert send("/api/admin/errors", {"Authorization": f"Bearer {token('admin')}",
                                              "Content-Type": "application/json"}, json.dumps(told).encode()) == 202
        wait_until(lambda: len(receiver.items("event")) >= 15 and len(receiver.items("transaction")) >= 10, 60, "items")
        text = json.dumps(receiver.envelopes)
        assert receiver.errors == []

    assert len(set(secrets)) >= 100
    assert [secret for secret in secrets if secret in text or urllib.parse.quote(secret) in text] == []
