"""Texts from outside, on their way into each protocol that is spoken behind the
gateway: a byte that could end a line, or show another text than there is, is
refused or stays text.  t/texts.t has the protocols that need no database."""

import csv
import email.policy
import io
import json
import re
import uuid

import pytest
import redis

from conftest import wait_until

# controls, DEL, C1, controls of direction, separators of lines
HOSTILE = [chr(n) for n in (*range(0x20), 0x7f, 0x85, 0x9b, 0x202e, 0x2066, 0x200f, 0x2028, 0x2029)]
# what nginx lets through in a header
IN_HEADERS = [text.encode() for text in HOSTILE if text not in "\0\r\n"]
# what Python and others take for the end of a line
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

named = pytest.mark.parametrize("byte", HOSTILE, ids=lambda byte: f"U+{ord(byte):04X}")


def ask(gateway, head):
    """The status of a request as its bytes are."""
    connection = gateway.connect()
    connection.connect()
    try:
        connection.sock.sendall(head)
        return int(connection.sock.makefile("rb").readline().split()[1])
    finally:
        connection.close()


@named
def test_users(gateway, byte):
    """A user's address and name, which tokens, headers, mails and pages have."""
    person = {"email": f"a{uuid.uuid4().hex}@example.com", "name": "Zoë", "password": uuid.uuid4().hex, "role": "user"}
    for field, value in (("email", f"a{byte}{person['email']}"), ("email", f"{person['email']}{byte}"),
                         ("email", f"{person['email']}\r\nBcc: b{byte}@example.com"), ("role", f"user{byte}")):
        answer = gateway.request("POST", "/api/admin/users", "admin", body={**person, field: value})
        assert answer.status in (422, 400), value


@named
def test_redis_and_celery(gateway, byte):
    """An argument of a job: refused, or in Redis as what it was."""
    answer = gateway.request("POST", "/api/jobs", "admin", body={
        "task": "export_analytics_data", "kwargs": {"dataset": f"a{byte}\r\n*1\r\n$8\r\nFLUSHALL"},
        "countdown": 3600})
    if byte == "\0":
        assert answer.status in (400, 422)
        return
    assert answer.status in (202, 422), answer.body
    if answer.status == 202:
        job = gateway.request("GET", f"/api/jobs/{answer.json['id']}", "admin").json
        assert job["kwargs"] == {"dataset": f"a{byte}\r\n*1\r\n$8\r\nFLUSHALL"}


def test_redis_still_has_what_it_had(gateway):
    assert redis.Redis.from_url(gateway.env["REDIS_URL"]).dbsize() > 0


@pytest.fixture(scope="module")
def recorded(gateway):
    """The marker of rows whose path, user agent and own texts are hostile."""
    marker = uuid.uuid4().hex
    token = gateway.token("admin")
    for byte in IN_HEADERS:
        assert ask(gateway, b"GET /api/leads/export HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                            b"Authorization: Bearer " + token.encode() + b"\r\n"
                            b"User-Agent: =" + byte + b"=cmd|'" + marker.encode() + byte + b"\"\r\n\r\n") in (200, 400)
    wait_until(lambda: gateway.sql("select count(*) from audit_logs where user_agent like %s", f"%{marker}%")[0][0]
               == len(IN_HEADERS), 20, "rows")
    return marker


def test_audit_rows(gateway, recorded):
    for (agent,) in gateway.sql("select user_agent from audit_logs where user_agent like %s", f"%{recorded}%"):
        assert not UNSEEN.search(agent), agent


def test_csv(gateway, recorded):
    answer = gateway.request("GET", "/api/admin/audit-logs?action=lead_exported", "admin",
                             headers=[("Accept", "text/csv")])
    assert answer.status == 200
    # its name is the gateway's, whatever was asked
    assert re.fullmatch(r'attachment; filename="audit-logs-[0-9-]{10}\.csv"', answer.headers["Content-Disposition"])
    head, *rows = csv.reader(io.StringIO(answer.body.decode(), newline=""))
    assert len([row for row in rows if any(recorded in cell for cell in row)]) == len(IN_HEADERS)
    for row in rows:
        assert len(row) == len(head)
        assert not any(UNSEEN.search(cell) or cell[:1] in ("=", "+", "@", "-") for cell in row), row


def test_content_disposition(gateway):
    for query in ('"', "%0d%0aSet-Cookie:a=b", "%22;filename=evil.exe", "..%2f"):
        answer = gateway.request("GET", f"/api/admin/audit-logs?q={query}&action=logout", "admin",
                                 headers=[("Accept", "text/csv")])
        if answer.status == 200:
            assert re.fullmatch(r'attachment; filename="audit-logs-[0-9-]{10}\.csv"',
                                answer.headers["Content-Disposition"])


def test_mail_headers(gateway):
    """Whoever may write to the outbox: no header comes out of a recipient or a
    subject, and what is refused is refused with a reason."""
    marker = uuid.uuid4().hex
    ids = []
    for byte in HOSTILE[1:]:
        ids += [gateway.sql("select private.mail_send(%s, %s, 'text')", *words)[0][0] for words in (
            (f"a{byte}Bcc: b@example.com", f"{marker} one"), ("a@example.com", f"{marker}{byte}X-Evil: 1"))]

    def tried():
        return gateway.sql("select count(*) from public.mails where id::text = any(%s)"
                           " and (sent_at is not null or error is not null)", ids)[0][0] == len(ids)
    wait_until(tried, 60, "attempts at all mails")

    for path in (gateway.run / "mail" / "new").iterdir():
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.compat32)
        if marker in path.read_text(errors="replace"):
            assert not {"X-Evil", "Bcc"} & set(mail.keys())
            assert mail.get_all("To") == ["a@example.com"]
    for (error,) in gateway.sql("select error from public.mails where id::text = any(%s)"
                                " and sent_at is null", ids):
        assert error in ("the subject is not one line of text", "the recipient is not an e-mail address")
    gateway.sql("delete from public.mails where id::text = any(%s)", ids)


def test_sentry(gateway):
    """What an application reports: refused, or told as JSON has it."""
    told = []
    for byte in HOSTILE:
        text = f"hostile U{ord(byte):04X} a"
        for name, status, tag in (("message", 202, "b"), ("tag", 202 if byte > "\x7f" else 422, f"b{byte}")):
            answer = gateway.request("POST", "/api/admin/errors", "admin", body={
                "message": f"{name} {text}{byte}b\n{{}}\n", "tags": {"a": tag}})
            assert answer.status in ((400, 422) if byte == "\0" else (status,)), answer.body
            if answer.status == 202:
                told.append(f"{name} {text}")
    wait_until(lambda: all(text in json.dumps(gateway.sentry.items("event")) for text in told), 20, "events")
    assert gateway.sentry.errors == []
    assert gateway.sentry.errors == []


def test_error_log(gateway, recorded):
    """Of all that the tests above did: each line of ours is one line."""
    gateway.sql("select pg_notify('leadgen_mails', %s)", "a\nb\x1b[2J")
    for line in gateway.error_log().split("\n"):
        if "leadgen: " in line:
            assert re.match(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[", line), line
            assert not UNSEEN.search(line), line
