"""From the first request on: a token that was revoked counts at no time of a
gateway's life, whatever that begins with."""

import contextlib
import http.client
import threading
import time
import uuid

import jwt
import pytest

from auditing import KEY, LONG, Auditing
from conftest import wait_until

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


def test_starts(nginx, askers):
    good, revoked = askers
    for _ in range(TIMES):
        nginx.stop()
        nginx.start()
        good.wait_for(200)
        revoked.wait_for(401)
    print(f"{TIMES} starts: good {good.statuses}, revoked {revoked.statuses}")
    assert set(revoked.statuses) <= {401, 503}
    assert set(good.statuses) <= {200, 503}
