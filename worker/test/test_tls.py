"""Mails over TLS: a mail server with a certificate that it made itself, which
the worker is told to trust, or is not."""

import ssl
import subprocess

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from conftest import Sink, free_port

from app.core import settings
from app.core.errors import Failure, TryAgain
from app.mail import deliver, message


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """By the address that they are for: files of key and certificate."""
    folder = tmp_path_factory.mktemp("tls")
    made = {}
    for address in ("127.0.0.1", "127.9.9.9"):
        key, certificate = folder / f"{address}.key", folder / f"{address}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", key, "-out", certificate, "-subj", "/CN=mail", "-days", "2",
                        "-addext", f"subjectAltName=IP:{address}"], check=True, capture_output=True)
        made[address] = key, certificate
    return made


class Server(Sink):
    """What was heard of it: mails, whether they came by TLS, passwords."""

    def __init__(self, certificate, begins_with_tls):
        super().__init__()
        self.encrypted, self.passwords = [], []
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate[1], certificate[0])
        how = {"ssl_context": context} if begins_with_tls else {"tls_context": context, "require_starttls": True}
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), authenticator=self.authenticate,
                                     auth_require_tls=not begins_with_tls,
                                     auth_exclude_mechanism=["LOGIN"], **how)
        self.controller.start()
        self.authority = f"127.0.0.1:{self.controller.port}"

    def authenticate(self, server, session, envelope, mechanism, data):
        self.passwords.append((data.login, data.password))
        return AuthResult(success=data.password == b"pass word", handled=False)

    async def handle_DATA(self, server, session, envelope):
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
def serve(certificates):
    servers = []

    def start(address="127.0.0.1", begins_with_tls=False):
        servers.append(Server(certificates[address], begins_with_tls))
        return servers[-1]

    yield start
    for server in servers:
        server.controller.stop()


@pytest.fixture
def trust(certificates, monkeypatch):
    """Trusts the certificate for an address."""
    def trust(address):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates[address][1]))

    deliver.context.cache_clear()
    yield trust
    deliver.context.cache_clear()


@pytest.fixture
def send(database, monkeypatch):
    campaign = database.campaign()

    def send(url):
        monkeypatch.setattr(settings, "SMTP_URL", url)
        return message.send(campaign, database.lead(campaign))["status"]

    return send


LOGIN = "me:pass%20word@"


def test_starttls_where_it_is_offered(serve, send):
    """Whosever certificate it is: clear text would be no better."""
    server = serve("127.9.9.9")
    assert send(f"smtp://{server.authority}") == "sent"
    assert (len(server.mails), server.encrypted, server.passwords) == (1, [True], [])


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_goes_to_the_server_that_was_meant(serve, send, trust, scheme):
    server = serve(begins_with_tls=scheme == "smtps")
    trust("127.0.0.1")
    assert send(f"{scheme}://{LOGIN}{server.authority}") == "sent"
    assert (len(server.mails), server.encrypted, server.passwords) == (1, [True], [(b"me", b"pass word")])


@pytest.mark.parametrize("scheme, login", [("smtp", LOGIN), ("smtps", LOGIN), ("smtps", "")])
@pytest.mark.parametrize("address, trusted", [("127.0.0.1", "127.9.9.9"), ("127.9.9.9", "127.9.9.9")],
                         ids=["a stranger's", "another name's"])
def test_certificates_that_do_not_fit(serve, send, trust, scheme, login, address, trusted):
    server = serve(address, begins_with_tls=scheme == "smtps")
    trust(trusted)
    with pytest.raises(TryAgain, match="away") as raised:
        send(f"{scheme}://{login}{server.authority}")
    assert "word" not in str(raised.value)
    assert (server.mails, server.passwords) == ([], [])


def test_a_wrong_password(serve, send, trust):
    server = serve()
    trust("127.0.0.1")
    with pytest.raises((TryAgain, Failure)) as raised:
        send(f"smtp://me:wrong@{server.authority}")
    assert "wrong" not in str(raised.value) and server.mails == []
