"""A private PostgreSQL cluster, and a migrated database of its own for each test."""

import concurrent.futures
import datetime
import glob
import hashlib
import itertools
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid

import psycopg2
import psycopg2.extras
import pytest

SQL = pathlib.Path(__file__).resolve().parent.parent
LOCK = 4    # seconds until a wait for a lock is given up
HASH = "$y$j9T$abcdefgh$0123456789"

# of a caller's principal: a token of another issuer, newer than any revocation
FOREIGN = {"is_foreign": True, "issued_at": 4102444800}

psycopg2.extras.register_uuid()


class Cluster:
    """A server below a temporary directory that listens on a socket there, with
    settings beside its own."""

    def __init__(self, *settings):
        self.bin = max(glob.glob("/usr/lib/postgresql/*/bin"))
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="leadgen-sql-"))
        self.names = itertools.count()
        self.become = []

        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.root, user.pw_uid, user.pw_gid)
            self.root.chmod(0o755)
            self.become = ["setpriv", f"--reuid={user.pw_uid}",
                           f"--regid={user.pw_gid}", "--clear-groups"]

        subprocess.run(
            [*self.become, f"{self.bin}/initdb", "-D", self.root / "data", "-U", "owner",
             "-A", "trust", "-N", "-E", "UTF8", "--locale", "C"],
            check=True, stdout=subprocess.DEVNULL, cwd="/")
        self.log = open(self.root / "log", "w")
        self.server = subprocess.Popen(
            [*self.become, f"{self.bin}/postgres", "-D", self.root / "data",
             "-c", "listen_addresses=", "-c", f"unix_socket_directories={self.root}",
             "-c", "fsync=off", "-c", "max_connections=200", "-c", "timezone=Asia/Kolkata",
             "-c", f"lock_timeout={LOCK}s",
             *(word for setting in settings for word in ("-c", setting))],
            stdout=self.log, stderr=self.log, cwd="/")

        for _ in range(200):
            try:
                self.connect("postgres").close()
                return
            except psycopg2.OperationalError:
                time.sleep(0.05)

        raise RuntimeError((self.root / "log").read_text())

    def dsn(self, database, user="owner"):
        # as the gateway and the worker ask for it
        jit = "" if user == "owner" else " options='-c jit=off'"
        return f"host={self.root} user={user} dbname={database}{jit}"

    def connect(self, database, user="owner"):
        connection = psycopg2.connect(self.dsn(database, user))
        connection.autocommit = True
        return connection

    def create(self, template="template0", owner="owner"):
        name = f"test_{next(self.names)}"
        self.execute(f"create database {name} owner {owner} template {template} strategy file_copy")
        return name

    def execute(self, statement):
        connection = self.connect("postgres")
        connection.cursor().execute(statement)
        connection.close()

    def revert(self, database, user="owner", to=None):
        back = ["--to", to] if to else []
        subprocess.run(["sqitch", "--quiet", "revert", "-y", *back, "db:pg:"], cwd=SQL, check=True, env={
            "PATH": "/usr/bin:/bin", "PGHOST": str(self.root), "PGUSER": user, "PGDATABASE": database,
            "SQITCH_FULLNAME": "test", "SQITCH_EMAIL": "test@localhost"})

    def migrate(self, database, *options, user="owner", **kwargs):
        return subprocess.run([SQL / "migrate", self.dsn(database, user), *options],
                              text=True, capture_output=True, **kwargs)

    def stop(self):
        # at once: nothing is kept
        self.server.send_signal(signal.SIGQUIT)
        self.server.wait()
        self.log.close()
        shutil.rmtree(self.root)


class Database:
    """A migrated database: the owner's connection, and the gateway's."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.open = []
        self.owner = self.connect("owner")
        self.gateway = self.connect("gateway")
        self.worker = self.connect("worker") if self.value("select to_regrole('worker')") else None

    def connect(self, user):
        connection = self.cluster.connect(self.name, user)
        self.open.append(connection)
        return connection

    def rows(self, statement, *values, on=None):
        with (on or self.owner).cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement, *values, on=None):
        return self.rows(statement, *values, on=on)[0][0]

    def call(self, function, request, on=None):
        """What the gateway does: status, body, location, audited."""
        return self.rows(
            f"select status, body, location, audited from api.{function}(%s::jsonb)",
            json.dumps(request), on=on or self.gateway)[0]

    def logs(self, **query):
        """A page of the audit log: items and next_cursor."""
        query = {name.rstrip("_"): value for name, value in query.items()}
        status, body, _, _ = self.call("audit_logs", {"query": query})
        assert status == 200
        return body["items"], body["next_cursor"]

    def ingest(self, *events, on=None, function="audit_ingest"):
        columns = [
            ("id", "uuid", None), ("timestamp", "timestamptz", None), ("action", "text", "login"),
            ("user_id", "bigint", None), ("user_email", "text", None),
            ("resource_type", "text", None), ("resource_id", "text", None),
            ("details", "jsonb", "{}"), ("ip_address", "text", None),
            ("user_agent", "text", None), ("success", "boolean", True),
            ("error_message", "text", None)]
        arrays = [[event.get(name, default) for event in events] for name, _, default in columns]
        places = ", ".join(f"%s::{kind}[]" for _, kind, _ in columns)
        return self.value(f"select api.{function}({places})", *arrays, on=on or self.gateway)

    def create_user(self, email="ann@example.com", role="user", password=HASH):
        return self.value("select private.create_user(%s, 'Ann', %s, %s)", email, password, role)

    def create_caller(self, id):
        """A user by that id, whose role is what a foreign token says."""
        self.rows("insert into public.users (id, email, name, hashed_password) overriding system value"
                  " values (%s, %s, 'Boss', 'h') on conflict do nothing", id, f"caller-{id}@example.com")

    def login(self, user, password=HASH, token=None):
        """Logs in; the session and the refresh token."""
        session, token = str(uuid.uuid4()), token or uuid.uuid4().hex
        status, body, _, _ = self.call("login_finish", request(login={
            "email": "ann@example.com", "user_id": user, "hashed_password": password, "verified": True,
            "session": session, "refresh_token_hash": sha256(token), "refresh_expires_in": 2592000}))
        assert status == 200 and body["session"] == session
        return session, token

    def epochs(self, **subject):
        """The epochs of a user or session, as a gateway learns them."""
        (kind, subject), = subject.items()
        return [epoch for epoch, in self.rows(
            "select epoch from api.revocations_since(0) where kind = %s and subject = %s",
            kind, str(subject), on=self.gateway)]

    def parallel(self, count, work):
        """What work, given its number and a gateway's connection, returns in as many threads."""
        connections = [self.connect("gateway") for _ in range(count)]
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            return list(pool.map(work, range(count), connections))

    def wait_for_lock(self):
        """Waits until somebody waits for a lock."""
        deadline = time.monotonic() + LOCK
        while not self.value("select count(*) from pg_locks where not granted"):
            assert time.monotonic() < deadline, "nobody waits for a lock"

    def close(self):
        for connection in self.open:
            connection.close()


def uuid7(moment, sequence=0):
    """A UUIDv7 of a moment; sequence orders those of one millisecond."""
    milliseconds = int(moment.timestamp() * 1000)
    return uuid.UUID(int=milliseconds << 80 | 7 << 76 | sequence << 64 | 2 << 62
                     | uuid.uuid4().int >> 66)


def event(moment=None, sequence=0, **values):
    moment = moment or now()
    return {"id": uuid7(moment, sequence), "timestamp": moment, **values}


def request(**members):
    """What an endpoint gets, with the members named."""
    return {"request_id": str(uuid7(now())), "method": "POST", "path": "/api", "params": {}, "query": {},
            "body": None, "principal": None, "ip_address": "192.0.2.7", "user_agent": "curl/7", **members}


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def refusal(raised):
    """SQLSTATE, sentence and errors of a refusal."""
    diagnostics = raised.value.diag
    errors = diagnostics.message_detail and json.loads(diagnostics.message_detail)
    return diagnostics.sqlstate, diagnostics.message_primary, errors


@pytest.fixture(scope="session")
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def template(cluster):
    name = cluster.create()
    done = cluster.migrate(name, "--gateway-role", "gateway", "--worker-role", "worker")
    assert done.returncode == 0, done.stderr
    return name


@pytest.fixture
def database(cluster, template):
    database = Database(cluster, cluster.create(template))
    yield database
    database.close()


@pytest.fixture(scope="session")
def untouched(cluster, template):
    """A database for tests that change nothing."""
    database = Database(cluster, cluster.create(template))
    yield database
    database.close()


@pytest.fixture(autouse=True)
def callers(request):
    """The users whose ids a module has in CALLERS: for these its calls are made."""
    for name in {"database", "untouched"} & set(request.fixturenames):
        for id in getattr(request.module, "CALLERS", ()):
            request.getfixturevalue(name).create_caller(id)
