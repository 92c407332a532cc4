"""Bodies that a client asks leave to send, by Expect: 100-continue: who is
refused is not told to send one first."""

import socket

import pytest

from proxy import echo, nginx, read_head, token, upstream

HTTP = """
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:KEY;
    server {
        listen 127.0.0.1:PORT;
        location /api/ {
            leadgen_policy { POST /api/x lead:create; }
            proxy_pass http://127.0.0.1:UPSTREAM;
        }
        location /page/ {
            leadgen_policy { POST /page/x lead:create; }
            error_page 401 403 /refused;
            proxy_pass http://127.0.0.1:UPSTREAM;
        }
        location = /refused { internal; return 401 "page"; }
    }
"""


@pytest.fixture(scope="module")
def port():
    with upstream(echo) as behind, \
            nginx(HTTP.replace("UPSTREAM", str(behind))) as (port, _):
        yield port


def ask(port, path, role=None):
    """A connection on which leave to send a body was asked, and its answer."""
    client = socket.create_connection(("127.0.0.1", port), 5)
    file = client.makefile("rb")
    fields = [f"POST {path} HTTP/1.1", "Host: x", "Content-Length: 5",
              "Expect: 100-continue"]
    if role:
        fields.append(f"Authorization: Bearer {token(role)}")
    client.sendall("\r\n".join(fields).encode() + b"\r\n\r\n")
    return client, file, read_head(file)


@pytest.mark.parametrize("path, role, status", [
    ("/api/x", None, 401), ("/api/x", "user", 403), ("/api/y", "admin", 403),
    ("/page/x", None, 401), ("/page/x", "user", 403)])
def test_a_refusal_comes_first(port, path, role, status):
    client, file, head = ask(port, path, role)
    with client, file:
        assert head[0].startswith(b"HTTP/1.1 %d " % status), head
        assert b"Connection: close" in head
        length = [line for line in head if line.startswith(b"Content-Length")]
        file.read(int(length[0].split()[1]))
        # what follows is no request on this connection
        client.sendall(b"POST /api/x HTTP/1.1\r\nHost: x\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert file.read() == b""


def test_leave_is_given_to_who_may(port):
    client, file, head = ask(port, "/api/x", "admin")
    with client, file:
        assert head == [b"HTTP/1.1 100 Continue"]
        client.sendall(b"12345")
        assert read_head(file)[0].startswith(b"HTTP/1.1 200 ")
