"""Users of other issuers: the database is asked once for each token, and what it
says of the user counts; requests that wait for it stay in good hands."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import socket
import time

import jwt
import psycopg2
import pytest
from conftest import BUSY, database_away, free_port, wait_until
from proxy import Http2, nginx, read_head

ISSUERS = {"one": "a secret of the first issuer, of 32 bytes", "two": "a secret of the second issuer, of 32 bytes"}
NOTICE = "tokens of other issuers count alone"
WITHIN = 1.0        # seconds in which a change takes effect everywhere
LATER = 3           # seconds by which an issuer's clock may be ahead

HTTP = """
    leadgen_zone      leadgen:4m;
    leadgen_database  "DATABASE" connections=4 timeout=10s;
    leadgen_spool     DIR/spool size=8m;
    leadgen_jwt_key   file:KEY kid=own;
    leadgen_jwt_key   file:FILES/one alg=HS256 kid=one issuer=one audience=us role_claim=role;
    leadgen_jwt_key   file:FILES/two alg=HS256 kid=two issuer=two audience=us max_age=15m;
    server {
        listen 127.0.0.1:PORT;
        listen 127.0.0.1:SECOND http2;
        root html;
        location /api/ { leadgen_api; }
        location = /metrics { leadgen_metrics; }
        location / {
            leadgen_policy {
                GET /profile authenticated;
                GET /part    role=admin;
                GET /open    public;
            }
            leadgen_policy shadow {
                GET /**      authenticated;
            }
        }
        location = /page {
            ssi on;
            ssi_types *;
            leadgen_policy {
                GET /page    authenticated;
            }
        }
    }
"""


class Gateway:
    def __init__(self, port, second, directory):
        self.port, self.second, self.directory = port, second, directory

    def start(self, token, path="/profile", method="GET", length=0):
        """A request under way: the connection it is on."""
        client = socket.create_connection(("127.0.0.1", self.port), 10)
        client.sendall((f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                        "Connection: close\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {length}\r\n\r\n").encode())
        return client

    @staticmethod
    def finish(client):
        """The status, the headers and the body of its answer."""
        with client, client.makefile("rb") as file:
            line, *headers = read_head(file) or [b"HTTP/1.1 0 "]
            names = dict(header.lower().split(b": ", 1) for header in headers)
            return int(line.split()[1]), names, file.read()

    def ask(self, token, path="/profile", method="GET", body=None):
        body = b"" if body is None else json.dumps(body).encode()
        client = self.start(token, path, method, len(body))
        client.sendall(body)
        return self.finish(client)

    def status(self, token, *args):
        return self.ask(token, *args)[0]

    def reason(self, token):
        status, _, body = self.ask(token)
        return status, json.loads(body)["type"].partition("problem-")[2] if status != 200 else ""

    def master(self):
        return int((self.directory / "nginx.pid").read_text())

    def workers(self):
        return pathlib.Path(f"/proc/{self.master()}/task/{self.master()}/children").read_text().split()

    def errors(self):
        return [line for line in (self.directory / "logs/error.log").read_text().splitlines()
                if "[alert]" in line or "[emerg]" in line or "[crit]" in line]

    def shadow(self):
        lines = self.ask("", "/metrics")[2].decode().splitlines()
        return sum(int(line.split()[-1]) for line in lines if line.startswith("nginx_leadgen_shadow_decisions_total"))


@contextlib.contextmanager
def one_more(gateway, files):
    second = free_port()
    text = (HTTP.replace("DATABASE", gateway.env["LEADGEN_DATABASE_URL"]).replace("FILES", str(files))
            .replace("SECOND", str(second)))
    with nginx(text) as (port, directory):
        for name, content in (("profile", "profile"), ("open", "open"), ("part", "part"),
                              ("page", '<!--#include virtual="/part" -->')):
            (directory / "html" / name).write_text(content)
        # the first one, as soon as it has heard of the database
        started = Gateway(port, second, directory)
        wait_until(lambda: started.status(issue(1)) != 503, 10, "database")
        assert NOTICE not in (directory / "logs/error.log").read_text()
        yield started
        assert started.errors() == []


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issuers")
    for name, secret in ISSUERS.items():
        (folder / name).write_text(secret)
    return folder


@pytest.fixture(scope="module")
def both(gateway, files):
    with one_more(gateway, files) as first, one_more(gateway, files) as second:
        yield first, second


@pytest.fixture
def one(both):
    return both[0]


@pytest.fixture
def user(gateway):
    (id,), = gateway.sql("select private.create_user(%s, 'F', '!')", f"foreign-{os.urandom(6).hex()}@example.com")
    return id


def issue(user, issuer="one", role="admin", ahead=0, **claims):
    """A token, each another one."""
    now = int(time.time()) + ahead
    return jwt.encode({"iss": issuer, "aud": "us", "sub": str(user), "email": "f@example.com", "role": role,
                       "iat": now, "exp": now + 600, "jti": os.urandom(8).hex(), **claims},
                      ISSUERS[issuer], "HS256", headers={"kid": issuer})


def change(gateway, user, **fields):
    answer = gateway.request("PUT", f"/api/admin/users/{user}", "admin", fields)
    assert answer.status == 200, answer.body


def soon(condition, what):
    wait_until(condition, WITHIN, what)


# --- who may come in

def test_nobody_knows_this_user(both):
    for one in both:
        for issuer in ISSUERS:
            assert one.reason(issue(987654, issuer)) == (401, "identity-unknown")


@pytest.mark.parametrize("way", ["deactivated", "deleted"])
def test_whoever_is_kept_out_stays_out(gateway, both, user, way):
    """Also with tokens that are made later, and with those of issuers whose clocks are ahead."""
    known = [issue(user, issuer, ahead=ahead) for issuer in ISSUERS for ahead in (0, LATER)]
    assert [one.status(token) for one in both for token in known] == [200] * 8
    if way == "deleted":
        assert gateway.request("DELETE", f"/api/admin/users/{user}", "admin").status == 204
    else:
        change(gateway, user, is_active=False)
    soon(lambda: {one.status(token) for one in both for token in known} == {401}, "refusal")
    for one in both:
        for issuer in ISSUERS:
            new = issue(user, issuer, ahead=LATER)
            assert one.reason(new) == (401, "identity-unknown")
            assert one.status(new, "/api/admin/users", "POST", {
                "email": f"x{os.urandom(6).hex()}@example.com", "name": "X", "password": "a long password",
                "role": "user"}) == 401
    if way == "deactivated":
        change(gateway, user, is_active=True)
        new = issue(user, ahead=LATER)
        soon(lambda: [one.status(new) for one in both] == [200] * 2, "welcome")


def test_another_role_is_no_end(gateway, both, user):
    """The role is what the token says; only who changes something needs a token that is newer."""
    tokens = [issue(user, issuer) for issuer in ISSUERS]
    assert {one.status(token) for one in both for token in tokens} == {200}
    change(gateway, user, role="manager")
    until = time.monotonic() + 2 * WITHIN
    while time.monotonic() < until:
        assert {one.status(token) for one in both for token in tokens} == {200}
    for one in both:
        report = {"action": "maintenance_mode"}
        assert one.status(tokens[0], "/api/admin/audit-logs", "POST", report) == 401
        assert one.status(issue(user, ahead=LATER), "/api/admin/audit-logs", "POST", report) == 201
    change(gateway, user, is_active=False)
    soon(lambda: {one.status(token) for one in both for token in tokens} == {401}, "refusal")


def test_without_a_database(files):
    """There is nobody to ask, and nginx says so when it starts."""
    text = "\n".join(line for line in HTTP.replace("FILES", str(files)).replace("SECOND", str(free_port())).splitlines()
                     if not line.split()[:1] or line.split()[0] not in ("leadgen_database", "leadgen_spool")
                     and "leadgen_api" not in line)
    with nginx(text) as (port, directory):
        (directory / "html/profile").write_text("profile")
        assert Gateway(port, None, directory).status(issue(987654)) == 200
        assert NOTICE in (directory / "logs/error.log").read_text()


# --- waiting

@contextlib.contextmanager
def kept_waiting(gateway, user):
    """Whoever asks for this user waits."""
    connection = psycopg2.connect(gateway.env["DATABASE_URL"])
    try:
        connection.cursor().execute("select from users where id = %s for update", (user,))
        yield
    finally:
        connection.close()


def questions(gateway):
    """How many are under way."""
    (count,), = gateway.sql("select count(*) from pg_locks where not granted")
    return count


def asked(gateway, count=1):
    wait_until(lambda: questions(gateway) == count, 5, "question")


def test_one_question_for_a_token(gateway, one, user):
    token, other = issue(user), issue(1)
    assert one.status(other) == 200
    with kept_waiting(gateway, user):
        clients = [one.start(token) for _ in range(60)]
        asked(gateway)
        # meanwhile others are served
        assert one.status(other) == 200 and one.status("none") == 401
        clients += [one.start(token) for _ in range(60)]
        assert one.status(other) == 200 and questions(gateway) == 1
    assert {one.finish(client)[0] for client in clients} == {200}


def test_a_refusal_for_all_who_wait(gateway, one, user):
    token = issue(user)
    connection = psycopg2.connect(gateway.env["DATABASE_URL"])
    connection.cursor().execute("delete from users where id = %s", (user,))
    clients = [one.start(token) for _ in range(20)]
    asked(gateway)
    connection.commit()
    connection.close()
    assert {one.finish(client)[0] for client in clients} == {401}


def test_the_database_is_slow(gateway, one, user):
    token = issue(user)
    with kept_waiting(gateway, user):
        begin = time.monotonic()
        status, headers, body = one.ask(token)
        assert status == 503 and json.loads(body)["type"].endswith("problem-database-away")
        assert int(headers[b"retry-after"]) >= 1 and 1.5 < time.monotonic() - begin < 4 * BUSY
    wait_until(lambda: one.status(token) == 200, 5, "answer")


def test_clients_that_leave(gateway, one, user):
    workers = one.workers()
    token = issue(user)
    with kept_waiting(gateway, user):
        for _ in range(3):
            clients = [one.start(token) for _ in range(100)]
            asked(gateway)
            stays = clients.pop()
            for client in clients:
                client.close()
            assert one.status("none") == 401
    assert one.finish(stays)[0] == 200
    assert one.status(token) == 200 and one.workers() == workers


def test_a_body_that_comes_meanwhile(gateway, one, user):
    body = json.dumps({"action": "maintenance_mode", "details": {"text": "x" * 15000}}).encode()
    with kept_waiting(gateway, user):
        client = one.start(issue(user), "/api/admin/audit-logs", "POST", len(body))
        client.sendall(body[:4000])
        asked(gateway)
        client.sendall(body[4000:])
    status, _, answer = one.finish(client)
    assert status == 201 and len(json.loads(answer)["details"]["text"]) == 15000


def test_what_a_page_includes(gateway, one, user):
    for role, part in (("admin", b"part"), ("user", b"403")):
        with kept_waiting(gateway, user):
            client = one.start(issue(user, role=role), "/page")
            asked(gateway)
        status, _, body = one.finish(client)
        assert status == 200 and part in body


def test_http2(gateway, one, user):
    """Of many requests of one connection, which all wait, every other one is taken
    back; then the client leaves."""
    workers, token = one.workers(), issue(user).encode()
    client, answered, wanted = Http2(one.second), set(), set()
    with kept_waiting(gateway, user):
        for number in range(20):
            client.send(b"/profile", token)
            if number % 2:
                client.socket.sendall(client.frame(3, 0, client.stream, b"\0\0\0\x08"))
            else:
                wanted.add(client.stream)
        asked(gateway)
        assert one.status("none") == 401
    # what is taken back may have been answered by then
    while not wanted <= answered:
        head = client.file.read(9)
        payload = client.file.read(int.from_bytes(head[:3], "big"))
        if head[3] == 0 and head[4] & 1 and payload == b"profile":
            answered.add(int.from_bytes(head[5:], "big"))
    assert client.get(b"/profile", token) == (200, b"profile")
    client.close()

    for _ in range(3):
        token = issue(user).encode()
        with kept_waiting(gateway, user):
            for _ in range(20):
                client.send(b"/profile", token)
            asked(gateway)
            client.close()
            assert one.status("none") == 401
        wait_until(lambda: one.status(token.decode()) == 200, 5, "answer")
    assert one.workers() == workers


def test_reload(gateway, files, user):
    with one_more(gateway, files) as one:
        before = one.workers()
        with kept_waiting(gateway, user):
            clients = [one.start(issue(user)) for _ in range(3)]
            asked(gateway, 3)
            os.kill(one.master(), signal.SIGHUP)
            wait_until(lambda: len(one.workers()) == 2, 5, "new worker")
        assert {one.finish(client)[0] for client in clients} == {200}
        wait_until(lambda: not set(before) & set(one.workers()), 10, "end of the old worker")


def test_a_worker_that_is_killed(gateway, files, user):
    with one_more(gateway, files) as one:
        worker, = one.workers()
        token = issue(user)
        with kept_waiting(gateway, user):
            client = one.start(token)
            asked(gateway)
            os.kill(int(worker), signal.SIGKILL)
            with contextlib.suppress(ConnectionError):
                assert one.finish(client)[0] == 0
        wait_until(lambda: one.workers() not in ([], [worker]), 5, "worker")
        wait_until(lambda: one.status(token) == 200, 10, "answer")
        log = one.directory / "logs/error.log"
        log.write_text(log.read_text().replace("[alert]", "[killed]"))


def test_a_shadow_waits_for_nobody(gateway, one, user):
    """It is compared as soon as somebody can tell who it is."""
    token = issue(user)
    before = one.shadow()
    with kept_waiting(gateway, user):
        assert one.status(token, "/open") == 200
        asked(gateway)
        assert one.shadow() == before
    wait_until(lambda: questions(gateway) == 0, 5, "answer")
    wait_until(lambda: one.status(token, "/open") == 200 and one.shadow() > before, 5, "comparison")


def test_the_database_is_away(gateway, both, user):
    known = issue(user)
    assert [one.status(known) for one in both] == [200] * 2
    with database_away(gateway):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            until = time.monotonic() + 4
            while time.monotonic() < until:
                new = list(pool.map(lambda number: both[number % 2].reason(issue(user)), range(8)))
                assert set(new) <= {(503, "database-away"), (503, "busy")}
                assert [one.status(known) for one in both] == [200] * 2
    wait_until(lambda: [one.status(issue(user)) for one in both] == [200] * 2, 10, "answers")
