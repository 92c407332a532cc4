"""The real stack, as `make up` makes it, on ports and in a directory of its
own, for all end-to-end tests of a run."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import psycopg2
import pytest
from openapi import Description
from sentry_receiver import Receiver

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "docker/local"), str(ROOT / "t/lib")]

from ports import free_port  # noqa: E402
from waiting import BUSY, wait_until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
ROLES = ("admin", "manager", "user")
DESCRIPTION = Description(ROOT / "dashboard/dist/openapi.json")


class Response:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body
        self.request_id = response.headers.get("X-Request-Id")

    @property
    def json(self):
        return json.loads(self.body)


class Gateway:
    """A running stack: its API, its database, its processes."""

    def __init__(self, run, port, sentry):
        # as what runs there tells it, where run is a link
        self.run = run.resolve()
        self.port = port
        self.sentry = sentry
        self.tokens = {}
        self.credentials = json.loads((run / "credentials.json").read_text())
        self.env = {}
        for line in (run / "env").read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.env[name] = value.strip("'\"")

    # --- its API

    def connect(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port,
                                          timeout=timeout)

    def request(self, method, path, role=None, body=None, headers=(),
                connection=None):
        """role: logs in as that role, once; body: sent as JSON; headers: pairs,
        sent as they are."""
        own = connection is None
        connection = connection or self.connect()
        headers = list(headers)
        if role:
            headers.append(("Authorization", f"Bearer {self.token(role)}"))
        if body is not None:
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers.append(("Content-Type", "application/json"))
            headers.append(("Content-Length", str(len(body))))

        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        answer = Response(response, response.read())
        if own:
            connection.close()
        DESCRIPTION.check(method, path, answer)
        return answer

    def login(self, role):
        """The response of a login."""
        return self.request("POST", "/api/auth/login",
                            body=self.credentials[role])

    def token(self, role):
        if role not in self.tokens:
            answer = self.login(role)
            assert answer.status == 200, answer.body
            self.tokens[role] = answer.json["access_token"]
        return self.tokens[role]

    # --- its database

    def sql(self, query, *values):
        connection = psycopg2.connect(self.env["DATABASE_URL"])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query, values)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def rows(self, ids):
        """{ id: how many rows of audit_logs it has }, for those that have one."""
        return dict(self.sql("select id::text, count(*) from audit_logs"
                             " where id = any(%s::uuid[]) group by id",
                             list(ids)))

    def wait_for_rows(self, ids, seconds):
        """Waits until each id has a row; returns (the ids without one, those
        with more than one)."""
        ids = set(ids)
        missing = ids
        deadline = time.monotonic() + BUSY * seconds
        while missing and time.monotonic() < deadline:
            # who asks for few leaves the machine to what ships them
            some = set(list(missing)[:500])
            if some - self.rows(some).keys():
                time.sleep(0.1)
            else:
                missing = ids - self.rows(ids).keys()
        return missing, {i for i, n in self.rows(ids).items() if n > 1}

    # --- its processes

    def supervisor(self, *words, check=True):
        return subprocess.run(
            ["/usr/bin/supervisorctl", "-c", self.run / "supervisord.conf",
             *words], check=check, capture_output=True, text=True).stdout

    @property
    def master(self):
        for path in (self.run / "nginx.pid", *self.run.glob("*/nginx.pid"),
                     *self.run.glob("*/*/nginx.pid")):
            if path.exists():
                return int(path.read_text())
        raise LookupError(f"no nginx.pid below {self.run}")

    def workers(self):
        """Pids of nginx's workers, those that are leaving not among them."""
        children = pathlib.Path(f"/proc/{self.master}/task/{self.master}/children")
        found = []
        for pid in children.read_text().split():
            with contextlib.suppress(OSError):
                title = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"worker process" in title and b"shutting" not in title:
                    found.append(int(pid))
        return found

    def reload(self):
        before = set(self.workers())
        os.kill(self.master, signal.SIGHUP)
        wait_until(lambda: set(self.workers()) and not before & set(self.workers()),
                   15, "new workers")

    def error_log(self):
        text = ""
        for path in self.run.rglob("*error.log"):
            text += path.read_text(errors="replace")
        return text


def wait_for_database(gateway):
    """Until the gateway and the example backend have it again."""
    wait_until(lambda: gateway.login("user").status == 200, 30,
               "login after the database came back")
    wait_until(lambda: all(gateway.request(
        "GET", "/api/campaigns?limit=1", "user").status == 200
        for _ in range(20)), 60, "backend with its database")


@contextlib.contextmanager
def database_away(gateway):
    """PostgreSQL is stopped; afterwards all is as before, the example backend's
    connections too."""
    gateway.supervisor("stop", "postgres")
    try:
        yield
    finally:
        gateway.supervisor("start", "postgres")
        wait_for_database(gateway)


@contextlib.contextmanager
def another_gateway(gateway, name, directives=""):
    """Another gateway on the same database, with its own zone and spool, and
    with directives of its own in http{}."""
    # workers can come there, though perhaps not to the checkout
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"leadgen-{name}-"))
    shutil.copytree(gateway.run / "nginx" / "conf", directory / "conf",
                    symlinks=True)
    for folder in ("logs", "temp"):
        (directory / folder).mkdir()
    (directory / "modules").symlink_to(
        (gateway.run / "nginx" / "modules").resolve())
    for path in directory.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    directory.chmod(0o755)

    port = free_port()
    (directory / "conf/local/listen.conf").write_text(
        f"listen 127.0.0.1:{port};\n")
    limits = directory / "conf/limits.conf"
    text = limits.read_text()
    limits.unlink()
    limits.write_text(f"{text}{directives}\n")

    with open(directory / "nginx.log", "wb") as log:
        process = subprocess.Popen(
            ["/usr/sbin/nginx", "-p", f"{directory}/", "-c", "conf/nginx.conf",
             "-e", "logs/error.log", "-g", "daemon off;"],
            env={**os.environ, **gateway.env}, stdout=log, stderr=log)
    other = Gateway(gateway.run, port, gateway.sentry)
    other.directory = directory

    def answers():
        try:
            return other.request("GET", "/api/health/readiness").status == 200
        except OSError:
            assert process.poll() is None, pathlib.Path(log.name).read_text()
            return False

    try:
        wait_until(answers, 10, "gateway")
        yield other
    finally:
        process.terminate()
        process.wait(10)
    # what failed is left, to be looked at
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def gateway():
    # each shard has a stack of its own
    run = BUILD / "test" / os.environ.get("PYTEST_XDIST_WORKER", "") / "run"
    port = free_port()
    env = {name: value for name, value in os.environ.items()
           if name not in ("DATABASE_URL", "REDIS_URL", "SMTP_URL",
                           "MAKEFLAGS", "MAKELEVEL")}
    sentry = Receiver()
    env.update(LEADGEN_PORT=str(port), LEADGEN_ADMIN_PORT=str(free_port()),
               LEADGEN_RUN=str(run), BUILD=str(BUILD), SENTRY_DSN=sentry.dsn)

    def stack(script):
        done = subprocess.run([ROOT / "docker/local" / script], env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        if done.returncode != 0:
            pytest.exit(f"{script} failed:\n{done.stdout}", returncode=1)

    stack("down.sh")
    # the run before may have left it, to be looked at
    shutil.rmtree(run.resolve(), ignore_errors=True)
    run.unlink(missing_ok=True)
    run.parent.mkdir(parents=True, exist_ok=True)
    with sentry:
        stack("up.sh")
        try:
            yield Gateway(run, port, sentry)
        finally:
            stack("down.sh")
