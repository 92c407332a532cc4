"""A private PostgreSQL, Redis and SMTP sink, and workers that use them."""

import contextlib
import email
import email.policy
import importlib.util
import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid

import psycopg
import pytest
import redis
from aiosmtpd.controller import Controller

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKER = ROOT / "worker"
KEY = "0123456789abcdef" * 4

sys.path.insert(0, str(WORKER))
for name in ("DATABASE_URL", "WORKER_DATABASE_URL", "REDIS_URL", "SMTP_URL", "SENTRY_DSN"):
    os.environ.pop(name, None)
os.environ.update(MAIL_FROM="Leadgen <hello@sender.example>", MAIL_RETURN_PATH="bounces@sender.example",
                  TRACKING_KEY=KEY, LEADGEN_PUBLIC_URL="https://go.example", MAIL_QUIET_HOURS="off")

from app.core import database as worker_database  # noqa: E402
from app.core import settings  # noqa: E402


def load(name, path):
    """A module by its file: two of the project's are called conftest."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


postgres = load("postgres_of_the_tests", ROOT / "sql/test/conftest.py")
free_port = load("ports", ROOT / "docker/local/ports.py").free_port
wait_until = load("waiting", ROOT / "t/lib/waiting.py").wait_until


# --- PostgreSQL

@pytest.fixture(scope="session")
def cluster():
    cluster = postgres.Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def template(cluster):
    name = cluster.create()
    done = cluster.migrate(name, "--gateway-role", "gateway", "--worker-role", "worker")
    assert done.returncode == 0, done.stderr
    connection = cluster.connect(name)
    connection.cursor().execute((ROOT / "docker/backend/app/schema.sql").read_text())
    connection.close()
    return name


class Database(postgres.Database):
    def campaign(self, subject="For {{ company }}", body="Hello {{ first_name }},\n\nsee https://shop.example/a?b=1&c=2."):
        return self.value("insert into app.campaigns (name, subject, body) values ('Spring', %s, %s)"
                          " returning id", subject, body)

    def lead(self, campaign, address=None, **columns):
        columns = {"first_name": "Ann", "last_name": "Lee", "company": "Blue Harbor",
                   "email": address or f"{uuid.uuid4().hex[:12]}@lead.example",
                   "campaign_id": campaign, **columns}
        return self.value(f"insert into app.leads ({', '.join(columns)}) values"
                          f" ({', '.join(['%s'] * len(columns))}) returning id", *columns.values())

    def job(self, task, **kwargs):
        """A job as the gateway would have put it; its id."""
        import json
        return self.value("select job.enqueue(%s, %s)", task, json.dumps(kwargs))

    def state(self, job):
        return self.rows("select status, result, error, retries from public.jobs where id = %s", job)[0]


@pytest.fixture
def database(cluster, template, monkeypatch):
    database = Database(cluster, cluster.create(template))
    monkeypatch.setattr(settings, "DATABASE_URL", cluster.dsn(database.name, "worker"))
    yield database
    if "connection" in worker_database._own:
        worker_database._own.pop("connection").close()
    database.close()


class Killed(BaseException):
    """Nothing that a task expects."""


def killed_anywhere(work, state, again):
    """Does work() with the process dying before its first statement, before its
    second, and so on; then once more each time.  In the end it must be as if it
    had been done in one go.  again() makes it undone."""
    work()
    expected = state()
    assert expected, "it has no effect"
    for last in range(1, 500):
        again()
        left = last
        plain = psycopg.Connection.execute

        def execute(self, *args, **kwargs):
            nonlocal left
            left -= 1
            if left <= 0:
                self.pgconn.finish()
                raise Killed()
            return plain(self, *args, **kwargs)

        psycopg.Connection.execute = execute
        try:
            work()
        except (Killed, psycopg.Error):
            # on the way out somebody may find the connection gone
            if left > 0:
                raise
        finally:
            psycopg.Connection.execute = plain
        died = left <= 0
        if died:
            work()
        assert state() == expected, f"killed before statement {last}"
        if not died:
            return
    raise AssertionError("it never ends")


# --- SMTP

class Sink:
    """Takes mails, unless the recipient's name says otherwise: code-550, or
    a number of times first-451."""

    def __init__(self):
        self.mails = []
        self.refusals = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        kind, _, code = address.partition("@")[0].partition("-")
        if kind == "code":
            return f"{code[:3]} 5.1.1 no such mailbox" if len(code) == 3 else code[:3] + " " + code[4:].replace("_", " ")
        if kind == "first" and self.refusals.count(address) < 1:
            self.refusals.append(address)
            return f"{code} 4.2.1 later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("data-"):
            return envelope.rcpt_tos[0][5:8] + " no"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail.sender, mail.recipients = envelope.mail_from, envelope.rcpt_tos
        mail.raw = envelope.content.decode(errors="replace")
        self.mails.append(mail)
        return "250 OK"

    def to(self, address):
        return [mail for mail in self.mails if mail["To"] == address]


@pytest.fixture
def sink(monkeypatch):
    handler = Sink()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), enable_SMTPUTF8=True)
    controller.start()
    handler.port = controller.port
    monkeypatch.setattr(settings, "SMTP_URL", f"smtp://127.0.0.1:{controller.port}")
    yield handler
    controller.stop()


# --- Redis and workers

@pytest.fixture(scope="session")
def broker():
    folder = tempfile.mkdtemp(prefix="leadgen-redis-")
    port = free_port()
    server = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
                              stdout=subprocess.DEVNULL)
    client = redis.Redis(port=port)

    def answers():
        with contextlib.suppress(redis.ConnectionError):
            return client.ping()

    wait_until(answers, 10, "Redis")
    yield client
    server.terminate()
    server.wait()
    shutil.rmtree(folder)


class Workers:
    """Processes as contract §6 starts them."""

    numbers = itertools.count()

    def __init__(self, folder, broker, env):
        port = broker.connection_pool.connection_kwargs["port"]
        self.broker = broker
        self.url = f"redis://127.0.0.1:{port}/0"
        self.folder = folder
        self.env = {**os.environ, "REDIS_URL": self.url, "PYTHONDONTWRITEBYTECODE": "1", **env}
        self.running = []

    def start(self, *words, **env):
        log = open(self.folder / f"{words[0]}-{next(self.numbers)}.log", "w+")
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "app.core.celery_app", *words], cwd=WORKER,
            env={**self.env, **env}, stdout=log, stderr=log, start_new_session=True)
        process.log = pathlib.Path(log.name)
        self.running.append(process)
        return process

    def worker(self, name="one", concurrency=1, **env):
        process = self.start("worker", "-l", "info", "-Q", "emails,campaigns,analytics", "-c", str(concurrency),
                             "-n", f"{name}@test", "--without-gossip", "--without-mingle", **env)
        wait_until(lambda: " ready." in process.log.read_text(), 30, f"worker: {process.log.read_text()}")
        return process

    def send(self, task, kwargs, job=None):
        """Puts a message into Redis, as the relay would."""
        from app.core.celery_app import app
        from app.core.task_table import TASKS
        app.conf.update(broker_url=self.url, result_backend=self.url)
        known = TASKS[task]
        return app.send_task(known["name"], kwargs=kwargs, task_id=job and str(job), queue=known["queue"])

    def kill(self, process):
        """As the kernel would, with all it has made."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.running.remove(process)

    def stop(self):
        for process in list(self.running):
            self.kill(process)


@pytest.fixture
def workers(cluster, database, sink, broker, tmp_path):
    broker.flushall()
    workers = Workers(tmp_path, broker, {
        "WORKER_DATABASE_URL": cluster.dsn(database.name, "worker"),
        "SMTP_URL": f"smtp://127.0.0.1:{sink.port}"})
    yield workers
    workers.stop()
