"""What goes wrong around the gateway, while it is under load: nothing that was
answered is forgotten, and nothing is recorded twice."""

import http.client
import os
import random
import signal
import socket
import struct
import threading
import time

import pytest

from conftest import BUSY, database_away, wait_until

LONG = os.environ.get("LEADGEN_LONG") == "1"
DRAIN = 60                      # seconds until all is in PostgreSQL


class Load:
    """Clients that send one request after the other; what they were answered,
    and what went wrong, is kept."""

    # method, path, role, body, status; the backend needs no database for these
    ALWAYS = [("GET", "/api/profile", "user", None, 200),
              ("GET", "/api/campaigns", None, None, 401),
              ("GET", "/api/leads/export", "user", None, 403),
              ("GET", "/api/unknown", "admin", None, 403)]
    WITH_DATABASE = [
        ("GET", "/api/campaigns?limit=1", "user", None, 200),
        ("POST", "/api/campaigns", "manager",
         {"name": "Load", "subject": "Hello", "body": "Dear reader"}, 201)]

    def __init__(self, gateway, clients=8, keep=True, database=True):
        self.gateway = gateway
        self.keep = keep
        self.requests = self.ALWAYS + (self.WITH_DATABASE if database else [])
        self.answered = []
        self.unexpected = []
        self.errors = []
        self.ending = threading.Event()
        for role in ("admin", "manager", "user"):
            gateway.token(role)
        self.threads = [threading.Thread(target=self.client, args=(number,))
                        for number in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def client(self, number):
        connection = None
        count = number
        while not self.ending.is_set():
            method, path, role, body, status = self.requests[
                count % len(self.requests)]
            count += 1
            try:
                connection = connection or self.gateway.connect()
                answer = self.gateway.request(method, path, role, body,
                                              connection=connection)
                self.answered.append(answer.request_id)
                if answer.status != status:
                    self.unexpected.append((path, answer.status, answer.body))
                if not self.keep:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(error)
                connection.close()
                connection = None

    def wait_for(self, n):
        begin = len(self.answered)
        wait_until(lambda: len(self.answered) >= begin + n, 30,
                   f"{n} more answers")


def assert_recorded_once(gateway, load):
    assert None not in load.answered, "an answer without X-Request-Id"
    assert len(set(load.answered)) == len(load.answered)
    missing, doubled = gateway.wait_for_rows(load.answered, DRAIN)
    assert (len(missing), len(doubled)) == (0, 0), (
        f"of {len(load.answered)}: missing {sorted(missing)[:3]},"
        f" doubled {sorted(doubled)[:3]}")


def assert_alarms(gateway, begin, allowed=()):
    """No alert in the error log since begin, but for those allowed."""
    for line in gateway.error_log()[begin:].splitlines():
        if "[alert]" in line or "[emerg]" in line:
            assert any(text in line for text in allowed), line


@pytest.fixture
def log(gateway):
    return len(gateway.error_log())


def test_load_alone(gateway, log):
    with Load(gateway) as load:
        load.wait_for(500)
    assert (load.errors, load.unexpected) == ([], [])
    assert_recorded_once(gateway, load)
    assert_alarms(gateway, log)


def test_worker_killed(gateway, log):
    with Load(gateway) as load:
        for _ in range(20 if LONG else 5):
            load.wait_for(100)
            victim = random.choice(gateway.workers())
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: gateway.workers()
                       and victim not in gateway.workers(), 10, "new worker")
        load.wait_for(100)
    assert_recorded_once(gateway, load)
    assert_alarms(gateway, log, allowed=["exited on signal 9"])


def test_database_away(gateway, log):
    with Load(gateway, database=False) as load:
        load.wait_for(100)
        with database_away(gateway):
            time.sleep(30 if LONG else 3)
            # what needs no database is answered all the time
            load.wait_for(1000)
        load.wait_for(100)
    assert (load.errors, load.unexpected) == ([], [])
    assert_recorded_once(gateway, load)
    assert_alarms(gateway, log)


def test_worker_killed_while_database_away(gateway, log):
    with Load(gateway, database=False) as load:
        with database_away(gateway):
            load.wait_for(200)
            for victim in gateway.workers():
                os.kill(victim, signal.SIGKILL)
            time.sleep(1)
            load.wait_for(200)
    assert_recorded_once(gateway, load)
    assert_alarms(gateway, log, allowed=["exited on signal 9"])


def test_login_while_database_away(gateway):
    with database_away(gateway):
        begin = time.monotonic()
        answer = gateway.login("user")
        seconds = time.monotonic() - begin

    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json["request_id"] == answer.request_id
    assert seconds < 5 * BUSY


def test_reload(gateway, log):
    # a kept connection may be closed by a worker that leaves, just as the next
    # request is under way: that is HTTP, not a failure, so none is kept here
    with Load(gateway, keep=False) as load:
        for _ in range(20 if LONG else 4):
            load.wait_for(100)
            gateway.reload()
        load.wait_for(100)
    assert (load.errors, load.unexpected) == ([], [])
    assert_recorded_once(gateway, load)
    assert_alarms(gateway, log)


def test_clients_abort(gateway, log):
    """Clients that leave at any moment, login's hashing included; each from a
    network of its own, since one that leaves has failed to log in."""
    workers = gateway.workers()
    token = gateway.token("user")
    body = (b'{"email":"nobody@example.com","password":"not the password"}')
    requests = [
        f"GET /api/campaigns HTTP/1.1\r\nHost: a\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode(),
        b"POST /api/auth/login HTTP/1.1\r\nHost: a\r\n"
        b"Content-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body),
        f"GET /api/admin/audit-logs HTTP/1.1\r\nHost: a\r\n"
        f"Authorization: Bearer {gateway.token('admin')}\r\n\r\n".encode(),
    ]
    random.seed(1)
    for number in range(150):
        request = requests[number % len(requests)]
        with socket.create_connection(
                ("127.0.0.1", gateway.port), 5,
                source_address=(f"127.7.{number}.1", 0)) as client:
            # closing resets the connection at once
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack("ii", 1, 0))
            client.sendall(request[:random.choice([20, len(request),
                                                   len(request)])])
            time.sleep(random.choice([0, 0.001, 0.005, 0.02]))

    wait_until(lambda: gateway.login("user").status == 200, 60,
               "login after the aborts")
    assert gateway.workers() == workers
    assert_alarms(gateway, log)
