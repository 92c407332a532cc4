"""Hits on tracked mails, from the reader's request to a job's arguments."""

import base64
import hashlib
import hmac
import os
import socket
import threading
import time
import uuid

import pytest

from conftest import wait_until
from test_jobs import alone, celery

SECONDS = 10 if os.environ.get("LEADGEN_LONG") else 2
assert alone and celery  # fixtures


def token(gateway, kind, message, url="", key=None, version=1):
    """As the worker makes it."""
    text = bytes([version]) + message.bytes + url.encode()
    mac = hmac.digest((key or gateway.env["TRACKING_KEY"]).encode(), kind.encode() + text, hashlib.sha256)[:16]
    return base64.urlsafe_b64encode(mac + text).rstrip(b"=").decode()


def hits(gateway, message):
    return gateway.sql("""
        select h ->> 'kind', h ->> 'url', h ->> 'user_agent'
        from (select jsonb_array_elements(kwargs -> 'hits') as h from jobs where task = 'track_email_opens') j
        where h ->> 'message' = %s order by h ->> 'at'""", str(message))


def test_hits_become_a_job(gateway):
    message, url = uuid.uuid4(), "https://example.com/a?b=c&d=%20#e"
    picture = gateway.request("GET", f"/t/o/{token(gateway, 'o', message)}.gif", headers=[("User-Agent", "Mail")])
    assert (picture.status, picture.headers["Content-Type"], picture.headers["Cache-Control"]) == (
        200, "image/gif", "no-store")
    assert picture.body.startswith(b"GIF89a\x01\x00\x01\x00") and picture.body.endswith(b";")
    click = gateway.request("GET", f"/t/c/{token(gateway, 'c', message, url)}")
    assert (click.status, click.headers["Location"], click.body) == (302, url, b"")
    assert gateway.request("HEAD", f"/t/o/{token(gateway, 'o', message)}.gif").status == 200
    wait_until(lambda: len(hits(gateway, message)) == 2, 10, "hits")
    assert hits(gateway, message) == [("open", None, "Mail"), ("click", url, None)]


def test_unsubscribing(gateway):
    """To look is not to unsubscribe; one request is, of whoever has the link."""
    message = uuid.uuid4()
    path = f"/t/u/{token(gateway, 'u', message)}"
    page = gateway.request("GET", path)
    assert (page.status, page.headers["Content-Type"], page.headers["Cache-Control"]) == (
        200, "text/html; charset=utf-8", "no-store")
    assert b'<form method="post">' in page.body and "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert gateway.request("HEAD", path).status == 200

    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as client:
        # RFC 8058, section 3.2
        body = b"List-Unsubscribe=One-Click"
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
                       "Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode() + body)
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK") and b"You are unsubscribed" in answer
    assert b"Set-Cookie" not in answer
    wait_until(lambda: hits(gateway, message), 30, "job")
    assert hits(gateway, message) == [("unsubscribe", None, None)]

    refused = gateway.request("PUT", path)
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert gateway.request("POST", f"/t/c/{token(gateway, 'c', message, 'https://a.example/')}").status == 405


def forged(gateway):
    message, url = uuid.uuid4(), "https://example.com/"
    good = token(gateway, "c", message, url)
    return {
        "another kind": f"/t/c/{token(gateway, 'o', message)}",
        "a picture with an address": f"/t/o/{token(gateway, 'o', message, url)}.gif",
        "no address": f"/t/c/{token(gateway, 'c', message)}",
        "a picture's to unsubscribe": f"/t/u/{token(gateway, 'o', message)}",
        "an address to unsubscribe": f"/t/u/{token(gateway, 'u', message, url)}",
        "another key": f"/t/c/{token(gateway, 'c', message, url, key='x' * 32)}",
        "another version": f"/t/c/{token(gateway, 'c', message, url, version=2)}",
        "a changed address": f"/t/c/{good[:-4]}{'AAAA' if good[-4:] != 'AAAA' else 'BBBB'}",
        "cut": f"/t/c/{good[:20]}",
        "padded": f"/t/c/{good}=",
        "nothing": "/t/c/",
        "no suffix": f"/t/o/{token(gateway, 'o', message)}",
        "another place": f"/t/x/{good}",
        "javascript": f"/t/c/{token(gateway, 'c', message, 'javascript:alert(1)')}",
        "a line's end": f"/t/c/{token(gateway, 'c', message, 'https://example.com/' + chr(13) + chr(10) + 'X: y')}",
        "too long": f"/t/c/{token(gateway, 'c', message, 'https://example.com/' + 'x' * 2048)}",
    }


@pytest.mark.parametrize("what", forged(type("", (), {"env": {"TRACKING_KEY": "k" * 32}})))
def test_forged(gateway, what):
    path = forged(gateway)[what]
    for method in ("GET", "POST") if path.startswith("/t/u/") else ("GET",):
        answer = gateway.request(method, path)
        assert answer.status == 404, answer.headers
        assert "Location" not in answer.headers


def request_often(gateway, path):
    """5000 requests a second, 100 of them at a time; returns how many were answered."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 100
    sent = 0
    began = time.monotonic()
    while time.monotonic() < began + SECONDS:
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
            for _ in range(5):              # nginx closes after 1000
                client.sendall(request)
                sent += 100
                answers = b""
                while answers.count(b"GIF89a") < 100:
                    more = client.recv(1 << 16)
                    assert more, answers[-500:]
                    answers += more
                assert answers.count(b"HTTP/1.1 200 OK") == 100
                time.sleep(max(0, began + sent / 5000 - time.monotonic()))
    assert sent >= 4000 * SECONDS, "the machine is too slow"
    return sent


def test_a_flood(gateway, celery):
    """None is lost, and Redis holds few messages."""
    celery.start()
    message = uuid.uuid4()
    most, over = [0], threading.Event()

    def watch():
        while not over.wait(0.02):
            waiting = celery.redis.llen("emails") + celery.redis.hlen("unacked")
            most[0] = max(most[0], waiting)

    watcher = threading.Thread(target=watch)
    watcher.start()
    counted = request_often(gateway, f"/t/o/{token(gateway, 'o', message)}.gif")

    def seen():
        file = celery.effects / "hits"
        lines = file.read_text().splitlines() if file.exists() else []
        return len({line.split()[0] for line in lines if line.endswith(str(message))})

    began = time.monotonic()
    wait_until(lambda: seen() >= counted, 60, f"{counted} hits")
    time.sleep(0.5)
    over.set()
    watcher.join()
    print(f"{counted} hits in {SECONDS} s, {most[0]} messages in Redis at most,"
          f" the last was seen {time.monotonic() - began:.1f} s later")
    assert seen() == counted
    assert most[0] <= 50
