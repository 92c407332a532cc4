"""From the first request on: a token that was revoked counts at no time of a
gateway's life, whatever that begins with."""

import contextlib
import http.client
import os
import re
import signal
import threading
import time
import uuid

import jwt
import pytest

from auditing import KEY, LONG, Auditing
from conftest import database_away, wait_until

TIMES = 20 if LONG else 3


class Asker:
    """Asks with a token all the while: how often each status came."""

    def __init__(self, nginx, session):
        now = int(time.time())
        self.nginx = nginx
        self.token = jwt.encode(
            {"sub": "1", "email": "a@example.com", "role": "admin",
             "sid": session, "iat": now, "exp": now + 3600},
            KEY, algorithm="HS256", headers={"kid": "test"})
        self.statuses = {}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()

    def ask(self):
        while not self.ending.is_set():
            status = None
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, _, _ = self.nginx.request(
                    "GET", "/api/open/x", headers=[
                        ("Authorization", f"Bearer {self.token}")])
            if status is None:
                time.sleep(0.001)
            else:
                self.statuses[status] = self.statuses.get(status, 0) + 1

    def wait_for(self, status):
        """Until that comes once more."""
        before = self.statuses.get(status, 0)
        wait_until(lambda: self.statuses.get(status, 0) > before, 20,
                   f"{status}, only {self.statuses}")


@pytest.fixture
def nginx(gateway):
    with Auditing(gateway) as nginx:
        yield nginx


@pytest.fixture
def askers(gateway, nginx):
    """(one whose token is good, one whose token was revoked)"""
    session = str(uuid.uuid4())
    with Asker(nginx, str(uuid.uuid4())) as good, \
            Asker(nginx, session) as revoked:
        good.wait_for(200)
        gateway.sql("select private.revoke(1, %s::uuid)", session)
        revoked.wait_for(401)
        revoked.statuses.clear()
        yield good, revoked


def snapshot(nginx):
    return nginx.spool / "revocations.snapshot"


def wait_for_snapshot(nginx):
    """Until one is written that began after now."""
    before = time.time()
    wait_until(lambda: snapshot(nginx).exists()
               and snapshot(nginx).stat().st_mtime > before + 1, 10, "snapshot")


def test_starts(nginx, askers):
    """With nothing to go by."""
    good, revoked = askers
    for _ in range(TIMES):
        nginx.stop()
        snapshot(nginx).unlink(missing_ok=True)
        nginx.start()
        good.wait_for(200)
        revoked.wait_for(401)
    print(f"{TIMES} starts: good {good.statuses}, revoked {revoked.statuses}")
    assert set(revoked.statuses) <= {401, 503}
    # 502: the upstream is the same nginx, which ended
    assert set(good.statuses) <= {200, 502, 503}


def test_restarts_without_the_database(gateway, nginx, askers):
    good, revoked = askers
    wait_for_snapshot(nginx)
    assert snapshot(nginx).stat().st_mode & 0o777 == 0o600
    with database_away(gateway):
        for _ in range(TIMES):
            nginx.stop()
            nginx.start()
            good.wait_for(200)
            revoked.wait_for(401)
        print(f"{TIMES} restarts: good {good.statuses},"
              f" revoked {revoked.statuses}")
        assert set(revoked.statuses) <= {401, 503}
        assert set(good.statuses) <= {200, 502, 503}


def assert_nobody_waits(what, good, revoked):
    print(f"{TIMES} {what}: good {good.statuses}, revoked {revoked.statuses}")
    assert set(revoked.statuses) == {401}
    assert set(good.statuses) == {200}


def test_another_zone(nginx, askers):
    """Nobody waits: the snapshot is as good as an answer."""
    good, revoked = askers
    wait_for_snapshot(nginx)
    good.statuses.clear()
    conf = nginx.directory / "nginx.conf"
    for n in range(TIMES):
        text = re.sub(r"leadgen:\d+m", f"leadgen:{1 + n % 2 + 1}m",
                      conf.read_text())
        conf.write_text(text)
        before = set(nginx.workers())
        os.kill(nginx.master, signal.SIGHUP)
        wait_until(lambda before=before: len(nginx.workers()) == 2
                   and not before & set(nginx.workers()), 20, "new workers")
        good.wait_for(200)
        revoked.wait_for(401)
        wait_for_snapshot(nginx)
    assert_nobody_waits("zones", good, revoked)


def test_upgrades(nginx, askers):
    good, revoked = askers
    wait_for_snapshot(nginx)
    good.statuses.clear()
    for _ in range(TIMES):
        nginx.upgrade()
        good.wait_for(200)
        revoked.wait_for(401)
        wait_for_snapshot(nginx)
    assert_nobody_waits("upgrades", good, revoked)


@pytest.mark.parametrize("spoil", [
    lambda data: b"", lambda data: data[:-1], lambda data: data + b"x",
    lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    lambda data: data[:24] + bytes([data[24] ^ 1]) + data[25:]])
def test_a_bad_snapshot_is_none(gateway, nginx, askers, spoil):
    good, revoked = askers
    wait_for_snapshot(nginx)
    with database_away(gateway):
        nginx.stop()
        path = snapshot(nginx)
        path.write_bytes(spoil(path.read_bytes()))
        good.statuses.clear()
        nginx.start()
        wait_until(lambda: "none were ever heard of"
                   in nginx.errors()[nginx.begin:], 20, "question in vain")
        good.wait_for(503)
        revoked.wait_for(503)
        assert 200 not in good.statuses and 200 not in revoked.statuses
    good.wait_for(200)
    revoked.wait_for(401)
