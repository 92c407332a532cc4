"""Mails of the outbox arrive, once, also when the mail server or the gateway
were away meanwhile."""

import contextlib
import email.policy
import os
import signal
import ssl
import subprocess
import time
import uuid

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from auditing import Auditing
from conftest import free_port, wait_until

TEXT = "Open this link:\n\nhttp://127.0.0.1/reset?token=abc\n.\nIt is Zoë's.\n"


@pytest.fixture
def outbox(gateway):
    return Outbox(gateway)


class Outbox:
    def __init__(self, gateway):
        self.gateway = gateway
        self.subject = f"Grüße {uuid.uuid4()}"

    def send(self, recipient="zoe@example.com", lifetime="24 hours"):
        return self.gateway.sql(
            "select private.mail_send(%s, %s, %s, %s)",
            recipient, self.subject, TEXT, lifetime)[0][0]

    def arrived(self):
        """The mails of this test in the sink."""
        found = []
        for path in (self.gateway.run / "mail" / "new").iterdir():
            mail = email.message_from_bytes(path.read_bytes(),
                                            policy=email.policy.default)
            if mail["Subject"] == self.subject:
                found.append(mail)
        return found

    def state(self, mail):
        return self.gateway.sql(
            "select sent_at is not null, body, attempts, error"
            " from public.mails where id = %s", mail)[0]

    def due(self):
        """Does not wait for the next attempt's time."""
        self.gateway.sql("update public.mails set next_attempt_at = now()"
                         " where next_attempt_at is not null")


def test_arrives_at_once_and_once(outbox):
    mail = outbox.send()
    wait_until(outbox.arrived, 3, "mail")
    wait_until(lambda: outbox.state(mail)[0], 5, "report")
    assert outbox.state(mail) == (True, None, 1, None)

    time.sleep(2)
    (got,) = outbox.arrived()
    assert got["To"] == "zoe@example.com"
    assert got["From"] == "leadgen@example.com"
    assert got["Message-ID"] == f"<{mail}@example.com>"
    assert got["Date"].datetime.tzinfo is not None
    assert got.get_content().replace("\r\n", "\n") == TEXT


def test_many_arrive_once_each(outbox):
    mails = [outbox.send() for _ in range(30)]
    wait_until(lambda: len(outbox.arrived()) >= 30, 30, "30 mails")
    time.sleep(2)
    assert (sorted(got["Message-ID"] for got in outbox.arrived())
            == sorted(f"<{mail}@example.com>" for mail in mails))


def test_mail_server_away(gateway, outbox):
    log = len(gateway.error_log())
    gateway.supervisor("stop", "smtp")
    try:
        ((before,),) = gateway.sql("select now()")
        mail = outbox.send()
        wait_until(lambda: outbox.state(mail)[3], 10, "failure")
        assert outbox.state(mail) == (False, TEXT, 1,
                                      "Couldn't connect to server")
        assert f"could not send mail {mail}" in gateway.error_log()[log:]
        # it is not tried again at once
        ((wait, passed),) = gateway.sql(
            "select extract(epoch from next_attempt_at - %s)::float,"
            " extract(epoch from now() - %s)::float"
            " from public.mails where id = %s", before, before, mail)
        assert 1 < wait < 60 + passed
    finally:
        gateway.supervisor("start", "smtp")

    outbox.due()
    wait_until(outbox.arrived, 30, "mail after the server came back")
    wait_until(lambda: outbox.state(mail)[0], 30, "report")
    time.sleep(1)
    assert len(outbox.arrived()) == 1


def kill_workers(gateway):
    victims = set(gateway.workers())
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    wait_until(lambda: set(gateway.workers()) - victims, 10, "new workers")


def test_workers_killed_while_sending(gateway, outbox):
    sink = int(gateway.supervisor("pid", "smtp"))
    os.kill(sink, signal.SIGSTOP)
    try:
        mail = outbox.send()
        wait_until(lambda: outbox.state(mail)[2] == 1, 10, "attempt")
        kill_workers(gateway)
    finally:
        os.kill(sink, signal.SIGCONT)

    assert outbox.state(mail) == (False, TEXT, 1, None)
    outbox.due()    # 60 s earlier than it would be
    wait_until(lambda: outbox.state(mail)[0], 15, "second attempt")
    assert outbox.state(mail)[2] == 2
    assert len(outbox.arrived()) == 1


def test_workers_killed_anywhere(gateway, outbox):
    """At least once: a worker that dies between sending and reporting leaves a
    mail that comes again, with the same Message-ID."""
    mails = [outbox.send() for _ in range(20)]
    kill_workers(gateway)
    outbox.due()
    wait_until(lambda: all(outbox.state(mail)[0] for mail in mails), 30,
               "all mails")
    ids = [got["Message-ID"] for got in outbox.arrived()]
    assert set(ids) == {f"<{mail}@example.com>" for mail in mails}
    assert len(ids) <= len(mails) + 4


def test_reload_sends_none_twice(gateway, outbox):
    mails = [outbox.send() for _ in range(20)]
    gateway.reload()
    wait_until(lambda: len(outbox.arrived()) >= 20, 20, "all mails")
    time.sleep(2)
    assert (sorted(got["Message-ID"] for got in outbox.arrived())
            == sorted(f"<{mail}@example.com>" for mail in mails))


def test_no_header_is_injected(gateway, outbox):
    mail = outbox.send("ann@example.com>\r\nRCPT TO:<eve@example.com")
    wait_until(lambda: outbox.state(mail)[3], 10, "refusal")
    assert outbox.state(mail)[3] == "the recipient is not an e-mail address"
    assert outbox.arrived() == []
    gateway.sql("delete from public.mails where id = %s", mail)


class Encrypted:
    """A mail server that takes mails by TLS only, with a certificate that nobody
    signed but itself: what it got, and whether somebody gave a password."""

    def __init__(self, folder, begins_with_tls):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", folder / "key.pem", "-out", folder / "certificate.pem", "-subj", "/CN=mail", "-days", "2",
             "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        how = {"ssl_context": context} if begins_with_tls else {"tls_context": context, "require_starttls": True}
        self.mails, self.passwords = [], []
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), authenticator=self.authenticate,
                                     auth_require_tls=not begins_with_tls, **how)

    def __enter__(self):
        self.controller.start()
        return self

    def __exit__(self, *_):
        self.controller.stop()

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        self.passwords.append(data.password)
        return AuthResult(success=True)

    async def handle_DATA(self, server, _session, envelope):
        assert server.transport.get_extra_info("ssl_object") is not None
        self.mails.append(envelope.content)
        return "250 OK"


@pytest.fixture(scope="module")
def alone(gateway):
    """Nobody else sends mails meanwhile."""
    gateway.supervisor("stop", "nginx")
    yield
    gateway.supervisor("start", "nginx")

    def is_ready():
        with contextlib.suppress(OSError):
            return gateway.request("GET", "/api/health/readiness").status == 200

    wait_until(is_ready, 60, "nginx")


@pytest.mark.parametrize("url, arrives", [
    ("smtp://", True), ("smtp://ann:secret@", False), ("smtps://", False)])
def test_encrypted(gateway, alone, outbox, tmp_path, url, arrives):
    """Without a password any encryption is better than none; where the server
    must be who it says, a certificate of its own is not enough."""
    with Encrypted(tmp_path, url.startswith("smtps")) as server, Auditing(
            gateway, http=f"leadgen_smtp {url}127.0.0.1:{server.controller.port} from=leadgen@example.com;") as nginx:
        mail = outbox.send()
        wait_until(lambda: outbox.state(mail)[0] or outbox.state(mail)[3], 30, "attempt")
        sent, _, attempts, error = outbox.state(mail)
        assert (sent, attempts, len(server.mails), server.passwords) == (arrives, 1, int(arrives), [])
        if not arrives:
            assert "certificate" in error
            assert "secret" not in error + nginx.errors()
            gateway.sql("delete from public.mails where id = %s", mail)
