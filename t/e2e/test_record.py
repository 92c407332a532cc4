"""One record for each request that nginx saw, however it ended, and before the
client has the answer."""

import os
import socket
import struct
import subprocess
import time

import pytest

from auditing import Auditing, assert_recorded_once
from conftest import free_port, wait_until

DENIED = "access_denied"


@pytest.fixture(scope="module")
def nginx(gateway):
    server = """
        client_header_timeout 1s;
        client_body_timeout 1s;
        client_max_body_size 1k;
        large_client_header_buffers 2 2k;
        leadgen_audit all;
        if ($uri = /anything) { return 301 /elsewhere; }
    """
    slow = "location /api/slow { proxy_pass http://127.0.0.1:%d; }"
    with socket.socket() as never:
        never.bind(("127.0.0.1", 0))
        never.listen(64)
        never.settimeout(60)
        with Auditing(gateway, server=server,
                      upstream=slow % never.getsockname()[1]) as own:
            own.never = never
            yield own


def get(target, headers="", version="HTTP/1.1"):
    return (f"GET {target} {version}\r\nHost: a\r\nConnection: close\r\n"
            f"{headers}\r\n").encode()


def abort(nginx):
    """A client that resets its connection while the upstream is silent."""
    before = len(nginx.logged())
    with socket.create_connection(("127.0.0.1", nginx.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))
        client.sendall(get("/api/slow/1"))
        upstream, _ = nginx.never.accept()
    upstream.close()
    wait_until(lambda: len(nginx.logged()) > before, 10, "log line")


# name: what is sent; the status logged, the row's action and error
CASES = {
    "allowed": (get("/api/strict/1"), 200, "lead_exported", None),
    "no token": (b"DELETE /api/strict/1 HTTP/1.1\r\nHost: a\r\n"
                 b"Connection: close\r\n\r\n", 401, "lead_deleted",
                 "unauthenticated"),
    "no rule": (get("/api/none"), 401, DENIED, "unauthenticated"),
    "odd path": (get("/api//strict/1"), 400, DENIED, "path-not-canonical"),
    "dead upstream": (b"POST /api/die/1 HTTP/1.1\r\nHost: a\r\n"
                      b"Content-Length: 0\r\nConnection: close\r\n\r\n", 502,
                      "lead_created", "HTTP status 502"),
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400,
                 DENIED, "not evaluated: HTTP status 400"),
    "no host": (b"GET /api/strict/1 HTTP/1.1\r\n\r\n", 400, DENIED,
                "not evaluated: HTTP status 400"),
    "HTTP/3.0": (get("/api/strict/1", version="HTTP/3.0"), 505, DENIED,
                 "not evaluated: HTTP status 505"),
    "HTTP/0.9": (b"GET /api/strict/1\r\n", 200, "lead_exported", None),
    "header timeout": (b"GET /api/strict/1 HTTP/1.1\r\nHost: a\r\n", 408,
                       DENIED, "not evaluated: HTTP status 408"),
    "body timeout": (b"POST /api/strict/1 HTTP/1.1\r\nHost: a\r\n"
                     b"Content-Length: 9\r\n\r\n", 408, "lead_created",
                     "HTTP status 408"),
    "large body": (b"POST /api/strict/1 HTTP/1.1\r\nHost: a\r\n"
                   b"Content-Length: 9999\r\nConnection: close\r\n\r\n", 413,
                   DENIED, "not evaluated: HTTP status 413"),
    "long target": (get("/" + "x" * 9000), 414, DENIED,
                    "not evaluated: HTTP status 414"),
    "long header": (get("/api/strict/1", f"X: {'x' * 9000}\r\n"), 400, DENIED,
                    "not evaluated: HTTP status 400"),
    "TRACE": (b"TRACE /api/strict/1 HTTP/1.1\r\nHost: a\r\n\r\n", 405, DENIED,
              "not evaluated: HTTP status 405"),
    "two lengths": (b"POST /api/strict/1 HTTP/1.1\r\nHost: a\r\n"
                    b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"0\r\n\r\n", 400, DENIED,
                    "not evaluated: HTTP status 400"),
    "return": (get("/anything"), 301, "access_granted", None),
    "gone client": (abort, 499, "lead_exported", "HTTP status 499"),
}


@pytest.mark.parametrize("name", CASES)
def test_one_record(nginx, gateway, name):
    sent, status, action, error = CASES[name]
    before = len(nginx.logged())
    if callable(sent):
        sent(nginx)
    else:
        nginx.raw(sent)
    wait_until(lambda: len(nginx.logged()) > before, 10, "log line")
    lines = nginx.logged()[before:]
    assert [line[1] for line in lines] == [str(status)]
    assert_recorded_once(gateway, [lines[0][0]], 10)
    row = nginx.row(lines[0][0])
    assert row[:3] == (action, error is None, error)
    assert row[3]["status"] == status


def test_nobody(nginx):
    """A connection that brings nothing is no request."""
    before = len(nginx.logged())
    socket.create_connection(("127.0.0.1", nginx.port)).close()
    nginx.raw(b"", shut=True)
    assert nginx.request("GET", "/api/strict/1")[0] == 200
    wait_until(lambda: len(nginx.logged()) > before, 10, "log line")
    assert len(nginx.logged()) == before + 1


# --- before the answer

def test_answers_wait_for_the_disk(gateway):
    """With fsync=always all of an answer comes, however long and by what
    method, once it is synced; who leaves meanwhile does no harm."""
    with Auditing(gateway, options="size=16m fsync=always") as nginx:
        (nginx.directory / "api/big").mkdir(parents=True)
        big = os.urandom(3_000_000)
        (nginx.directory / "api/big/1").write_bytes(big)
        ids = []
        for method, path, role, status, body in [
                ("GET", "/api/strict/1", None, 200, None),
                ("HEAD", "/api/strict/1", None, 200, b""),
                ("GET", "/api/big/1", None, 200, big),
                ("POST", "/api/strict/1", None, 200, None),
                ("DELETE", "/api/strict/1", None, 401, None),
                ("DELETE", "/api/strict/1", "user", 403, None),
                ("DELETE", "/api/strict/1", "admin", 200, None),
                ("POST", "/api/die/1", None, 502, None),
                ("POST", "/api/normal/1", None, 200, None)]:
            answer = nginx.request(method, path, role=role)
            assert answer[0] == status, (method, path, answer)
            if body is not None:
                assert answer[2] == body
            ids.append(answer[1])

        # two answers on a connection that is kept, one behind the other
        twice = nginx.raw(b"GET /api/strict/1 HTTP/1.1\r\nHost: a\r\n\r\n"
                          + get("/api/strict/2"))
        assert twice.count(b"HTTP/1.1 200 OK") == 2

        # clients that leave at any moment
        for number in range(100):
            with socket.create_connection(("127.0.0.1", nginx.port)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  struct.pack("ii", 1, 0))
                client.sendall(get("/api/big/1" if number % 2
                                   else "/api/strict/1"))
                time.sleep(number % 5 / 2000)

        assert_recorded_once(gateway, ids, 10)
        assert nginx.request("GET", "/api/strict/1")[0] == 200
        assert "exited on signal" not in nginx.errors()
        assert "[alert]" not in nginx.errors()


def test_streams_wait_for_the_disk(gateway):
    """The same for HTTP/2."""
    port = free_port()
    with Auditing(gateway, options="size=16m fsync=always",
                  server=f"listen 127.0.0.1:{port} http2;") as nginx:
        (nginx.directory / "api/big").mkdir(parents=True)
        (nginx.directory / "api/big/1").write_bytes(bytes(300_000))
        clients = [subprocess.Popen(
            ["curl", "-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-w",
             "%{http_code} %{size_download} %header{x-request-id}",
             f"http://127.0.0.1:{port}/api/{name}/1"], stdout=subprocess.PIPE,
            text=True) for name in ["strict", "big"] * 10]
        answers = [client.communicate()[0].split() for client in clients]
        assert [answer[:2] for answer in answers] == (
            [["200", "24"], ["200", "300000"]] * 10)
        assert_recorded_once(gateway, [answer[2] for answer in answers], 10)
        assert "exited on signal" not in nginx.errors()


# --- fields of bodies

def captured(nginx, path, body, headers=()):
    """What is answered, and the details."""
    status, request_id, answer = nginx.request(
        "POST", path, body, headers={"Content-Type": "application/json",
                                     **dict(headers)})
    assert status == 200
    assert_recorded_once(nginx.gateway, [request_id], 10)
    return answer, nginx.row(request_id)[3]


BODY = (b'{"name":"Spring \\u202e\\u0007","deep":[{"a/b":true}],'
        b'"object":{"password":"hidden"},"other":"hidden"}')


@pytest.mark.parametrize("options", ["size=16m", "size=16m fsync=always"])
def test_capture(gateway, options):
    upstream = """
        default_type application/json;
        set $long "%s";
        location /api/long { return 200 '{"id":"8","more":"%s"}'; }
        location /api/long/chunked {
            sub_filter zz "";
            sub_filter_types *;
            return 200 '{"id":"8","more":"%s"}';
        }
        location /api/gzip { return 200 '{"id":"$http_accept_encoding"}'; }
    """ % ("x" * 2000, "$long" * 9, "$long" * 9)
    routes = """
        POST /api/both/:id  public audit=campaign_created capture=request:/name
             capture=request:/deep/0/a~1b capture=request:/object
             capture=response:/id capture=response:/name;
        POST /api/long/:id  public audit=campaign_created
             capture=response:/id;
        POST /api/gzip/:id  public audit=campaign_created
             capture=response:/id;
    """
    gzip = "gzip on; gzip_min_length 1; gzip_types application/json;"
    with Auditing(gateway, options=options, routes=routes, upstream=upstream,
                  http=gzip) as nginx:
        answer, details = captured(nginx, "/api/both/1", BODY)
        assert answer == b'{"id":"7","name":"made"}'
        assert details["captured"] == {
            "request:/name": "Spring \\xe2\\x80\\xae\\x07",
            "request:/deep/0/a~1b": True,
            "response:/id": "7", "response:/name": "made"}
        assert "truncated" not in details
        assert "hidden" not in str(details)

        # what is too long, not JSON, or not there
        long = b'{"name":"%s"}' % (b"x" * 300)
        details = captured(nginx, "/api/both/1", long)[1]
        assert details["captured"]["request:/name"] == "x" * 256
        assert details["truncated"] is True
        for body in (b"{", b"[]", b'{"name":{"a":1}}', b""):
            details = captured(nginx, "/api/both/1", body)[1]
            assert set(details["captured"]) == {"response:/id",
                                                "response:/name"}
        huge = b'{"name":"a","x":"%s"}' % (b"x" * 40000)
        details = captured(nginx, "/api/both/1", huge)[1]
        assert "request:/name" not in details["captured"]
        assert details["truncated"] is True

        # an answer that is too long is sent whole, and one is not compressed
        for path in ("/api/long/1", "/api/long/chunked"):
            answer, details = captured(nginx, path, b"{}")
            assert answer == b'{"id":"8","more":"%s"}' % (b"x" * 18000)
            assert "captured" not in details
        assert details["truncated"] is True
        answer, details = captured(nginx, "/api/gzip/1", b"{}",
                                   {"Accept-Encoding": "gzip"})
        assert details["captured"] == {"response:/id": "identity"}
        assert b"identity" in answer
        assert "exited on signal" not in nginx.errors()
