"""WebSockets: passed on where the route says so, to their end and no longer."""

import base64
import hashlib
import os
import socket
import time

import pytest

from conftest import BUSY, wait_until
from proxy import nginx, read_head, token, upstream

HTTP = """
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:KEY%s;
    %s
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    server {
        listen 127.0.0.1:PORT;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        location / {
            leadgen_policy {
                GET /ws authenticated upgrade;
                GET /open public upgrade;
                GET /plain authenticated;
                POST|GET /both authenticated upgrade;
            }
            proxy_pass http://127.0.0.1:%d;
        }
    }
"""


def websocket(file, connection):
    """A server (RFC 6455) that sends back what it gets, unmasked; without an
    Upgrade it says so."""
    head = read_head(file)
    fields = dict(line.split(b": ", 1) for line in head[1:])
    if b"Upgrade" not in fields:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain")
        return
    accept = base64.b64encode(hashlib.sha1(
        fields[b"Sec-WebSocket-Key"]
        + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: %s\r\n"
                       b"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
                       % (fields[b"Upgrade"], accept))
    while head := file.read(2):
        mask = file.read(4)
        data = bytes(byte ^ mask[i % 4]
                     for i, byte in enumerate(file.read(head[1] & 127)))
        connection.sendall(bytes((head[0], len(data))) + data)


class Client:
    def __init__(self, port, path="/ws", authorization=None, upgrade="websocket",
                 headers=(), version="1.1", method="GET"):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.file = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16))
        lines = [f"{method} {path} HTTP/{version}", "Host: x",
                 "Connection: Upgrade", f"Upgrade: {upgrade}",
                 f"Sec-WebSocket-Key: {key.decode()}",
                 "Sec-WebSocket-Version: 13", *headers]
        if authorization:
            lines.append(f"Authorization: Bearer {authorization}")
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        head = read_head(self.file)
        self.status = int(head[0].split()[1])
        self.request_id = dict(line.split(b": ", 1) for line in head[1:])[
            b"X-Request-Id"].decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def echo(self, text=b"hello"):
        self.socket.sendall(bytes((0x81, 0x80 | len(text), 1, 2, 3, 4))
                            + bytes(byte ^ (i % 4 + 1)
                                    for i, byte in enumerate(text)))
        return self.file.read(2 + len(text))[2:] == text

    def seconds_to_end(self, most=60):
        """How long it takes from now until the gateway closes it."""
        began = time.monotonic()
        self.socket.settimeout(most)
        try:
            assert self.file.read(1) == b""
        except ConnectionResetError:
            pass
        return time.monotonic() - began


@pytest.fixture(scope="module")
def port():
    with upstream(websocket) as back, nginx(HTTP % ("", "", back)) as (front, _):
        yield front


def test_passed_on(port):
    with Client(port, authorization=token()) as client:
        assert client.status == 101
        assert client.echo() and client.echo(b"again")
    with Client(port, "/open") as client:
        assert client.status == 101 and client.echo()


def test_needs_a_token(port):
    with Client(port) as client:
        assert client.status == 401


@pytest.mark.parametrize("path,upgrade,options", [
    ("/plain", "websocket", {}),
    ("/ws", "h2c", {}),
    ("/ws", "websocket, h2c", {}),
    ("/ws", "websocket", {"headers": ["Upgrade: h2c"]}),
    ("/ws", "websocket", {"version": "1.0"}),
    ("/both", "websocket", {"method": "POST"}),
])
def test_not_passed_on(port, path, upgrade, options):
    with Client(port, path, token(), upgrade, **options) as client:
        assert client.status == 200


def test_of_another_site(port):
    cookie = f"Cookie: __Host-leadgen={token()}"
    for headers, status in (
            (["Origin: https://x"], 101),
            (["Sec-Fetch-Site: same-origin"], 101),
            (["Origin: https://evil.example.com"], 403),
            (["Sec-Fetch-Site: cross-site"], 403),
            ([], 403)):
        with Client(port, headers=[cookie, *headers]) as client:
            assert client.status == status, headers


def test_ends_with_its_token(port):
    with Client(port, authorization=token(lifetime=2)) as client:
        assert client.status == 101 and client.echo()
        assert client.seconds_to_end() < 6 * BUSY


def test_ends_with_its_session(gateway):
    key = (gateway.run / "nginx/conf/local/jwt.key").read_text()
    database = gateway.env["LEADGEN_DATABASE_URL"]
    with upstream(websocket) as back, nginx(
            HTTP % (" alg=HS256 kid=local",
                    f'leadgen_database "{database}";', back), key) as (port, _):
        login = gateway.login("user").json
        other = gateway.login("user").json
        with Client(port, authorization=login["access_token"]) as client, \
                Client(port, authorization=other["access_token"]) as stays:
            assert client.status == 101 and stays.status == 101
            assert client.echo() and stays.echo()
            answer = gateway.request(
                "POST", "/api/auth/logout", headers=[
                    ("Authorization", f"Bearer {login['access_token']}")])
            assert answer.status == 204
            assert client.seconds_to_end() < 3 * BUSY
            assert stays.echo()


def test_its_end_is_on_record(gateway):
    """Beside the decision that let it through, with how long it was and why it
    ended; nothing of the kind for what was no WebSocket."""
    database = gateway.env["LEADGEN_DATABASE_URL"]
    with upstream(websocket) as back, nginx(
            HTTP % ("", f'leadgen_database "{database}"; leadgen_audit all;'
                    "leadgen_spool DIR/spool size=8m;", back)) as (port, _):
        expired = Client(port, authorization=token(lifetime=2))
        left = Client(port, authorization=token())
        nobody = Client(port, "/open")
        plain = Client(port, "/plain", token())
        refused = Client(port)
        clients = (expired, left, nobody, plain, refused)
        assert [client.status for client in clients] == [
            101, 101, 101, 200, 401]
        assert expired.seconds_to_end() < 6 * BUSY
        for client in clients:
            client.__exit__()

        def rows(action):
            return {row[0]: row[1:] for row in gateway.sql(
                "select coalesce(resource_id, id::text), success,"
                " error_message, user_id, details from audit_logs"
                " where action = %s and coalesce(resource_id, id::text) ="
                " any(%s)", action, [client.request_id for client in clients])}

        wait_until(lambda: len(rows("access_granted")) == 4
                   and len(rows("access_ended")) == 3
                   and rows("access_denied"), 30, "rows")

        ended = rows("access_ended")
        assert {id: row[:3] for id, row in ended.items()} == {
            expired.request_id: (False, "token-expired", 7),
            left.request_id: (True, None, 7),
            nobody.request_id: (True, None, None)}
        details = ended[expired.request_id][3]
        assert details["captured"]["seconds"] > 0.5
        assert (details["method"], details["path"], details["route"],
                details["role"]) == ("GET", "/ws", "/ws", "user")
        assert "status" not in details
        assert {row[3]["status"] for row in rows("access_granted").values()
                } == {101, 200}
