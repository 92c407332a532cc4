"""What applications do not get, by each protocol that nginx passes requests on
with: our tokens and cookies, and what others signed or set they do get.
t/credentials.t has the places that a request is passed on from, by HTTP."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import BUILD, free_port, wait_until

KEYS = {"ours": b"0123456789abcdef" * 4, "idp": b"another's key of these, thirty-two or more"}

CONF = """
load_module {module};
daemon off; pid pid; error_log error.log info;
events {{ }}
http {{
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:ours.key kid=ours;
    leadgen_jwt_key file:idp.key kid=idp issuer=idp alg=HS256;
    access_log off;
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
    server {{
        listen 127.0.0.1:{port};
        location /proxy/   {{ {policy} proxy_pass http://127.0.0.1:{upstream}; }}
        location /fastcgi/ {{ {policy} fastcgi_pass 127.0.0.1:{upstream}; fastcgi_param A $http_cookie; }}
        location /uwsgi/   {{ {policy} uwsgi_pass 127.0.0.1:{upstream}; uwsgi_param A $http_authorization; }}
        location /scgi/    {{ {policy} scgi_pass 127.0.0.1:{upstream}; scgi_param A $cookie_a; }}
    }}
}}
"""
POLICY = "leadgen_policy {{ GET {0}any authenticated; GET {0}public public; }}"


def token(kid, **claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    text = part({"alg": "HS256", "kid": kid}) + b"." + part(
        {"iss": kid, "sub": "7", "role": "admin", "exp": int(time.time()) + 600, **claims})
    mac = hmac.digest(KEYS[kid], text, hashlib.sha256)
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


class Upstream:
    """Takes whatever comes, and hangs up: what was said is what counts."""

    def __init__(self):
        self.said = b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                with connection:
                    self.said += connection.recv(65536)


@pytest.fixture(scope="module")
def nginx():
    # workers can come there, though perhaps not to the checkout
    directory = pathlib.Path(tempfile.mkdtemp(prefix="leadgen-credentials-"))
    directory.chmod(0o755)
    for name, key in KEYS.items():
        (directory / f"{name}.key").write_bytes(key)
        (directory / f"{name}.key").chmod(0o600)
    upstream, port = Upstream(), free_port()
    conf = CONF.format(module=BUILD / "ngx_leadgen_module.so", port=port, upstream=upstream.port, policy="POLICY")
    for protocol in ("proxy", "fastcgi", "uwsgi", "scgi"):
        conf = conf.replace("POLICY", POLICY.format(f"/{protocol}/"), 1)
    (directory / "nginx.conf").write_text(conf)
    process = subprocess.Popen(["/usr/sbin/nginx", "-p", f"{directory}/", "-c", "nginx.conf", "-e", "error.log"],
                               env={"PATH": os.environ["PATH"]})

    def answers():
        assert process.poll() is None, (directory / "error.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
    try:
        wait_until(answers, 10, "nginx")
        upstream.gateway = port
        upstream.directory = directory
        yield upstream
    finally:
        process.terminate()
        process.wait(10)
        upstream.socket.close()
    shutil.rmtree(directory)


def said(nginx, path, *headers):
    """What the application is told."""
    nginx.said = b""
    with socket.create_connection(("127.0.0.1", nginx.gateway)) as client:
        client.sendall("".join(f"{line}\r\n" for line in (
            f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *headers, "")).encode())
        assert b" 502 " in client.makefile("rb").readline()
    return nginx.said


@pytest.mark.parametrize("protocol", ["proxy", "fastcgi", "uwsgi", "scgi"])
@pytest.mark.parametrize("route", ["any", "public"])
def test_what_is_passed_on(nginx, protocol, route):
    ours, theirs = token("ours"), token("idp")

    told = said(nginx, f"/{protocol}/{route}", f"Authorization: Bearer {ours}", "X-Other: here")
    assert b"here" in told and ours.encode() not in told and b"uthorization" not in told

    told = said(nginx, f"/{protocol}/{route}", f"Authorization: Bearer {theirs}")
    assert theirs.encode() in told

    told = said(nginx, f"/{protocol}/{route}", f"Cookie: a=one; __Host-leadgen={ours}; __Host-leadgen-refresh=secret; b=two")
    assert b"a=one; b=two" in told
    assert ours.encode() not in told and b"secret" not in told and b"leadgen" not in told

    told = said(nginx, f"/{protocol}/{route}", f"Cookie: __Host-leadgen={ours}")
    assert told and ours.encode() not in told and b"\nCookie" not in told and b"HTTP_COOKIE" not in told


def test_no_log_has_them(nginx):
    assert "eyJ" not in (nginx.directory / "error.log").read_text()
