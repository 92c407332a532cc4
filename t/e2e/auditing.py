"""An nginx of a test's own, with the module, in front of an upstream that says
yes; its events go to the stack's PostgreSQL."""

import contextlib
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid

import jwt

from conftest import BUILD, free_port, wait_until

LONG = os.environ.get("LEADGEN_LONG") == "1"
KEY = "4b1d0c8a6f2e9537b8d4a1c6e07f3952d6a8b4c0917e5f23ac60d98e1b745f3c"

CONF = """
{main}
load_module {module};
env AUDITING_DATABASE_URL;
worker_processes {workers};
worker_shutdown_timeout 10s;
pid {directory}/nginx.pid;
error_log {directory}/error.log info;
events {{ worker_connections 1024; }}
http {{
    leadgen_zone     leadgen:1m;
    leadgen_database env:AUDITING_DATABASE_URL;
    leadgen_jwt_key  file:{directory}/jwt.key kid=test;
    leadgen_spool    {spool} {options};
    log_format ids '$leadgen_request_id $status';
    access_log {directory}/access.log ids;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_requests 1000000;
    {http}
    server {{
        listen unix:{directory}/upstream.sock;
        access_log off;
        location / {{ return 200 '{{"id":"7","name":"made"}}'; }}
        location /api/die {{ return 444; }}
        location /api/big {{ root {directory}; }}
        {upstream}
    }}
    server {{
        listen 127.0.0.1:{port};
        {server}
        location /api/ {{
            leadgen_policy {{
                GET    /api/open/**       authenticated;
                GET    /api/strict/:id    public  audit=lead_exported;
                GET    /api/big/:id       public  audit=lead_exported;
                POST   /api/strict/:id    public  audit=lead_created;
                DELETE /api/strict/:id    lead:delete  audit=lead_deleted;
                POST   /api/normal/:id    public  audit=lead_created audit_mode=normal;
                POST   /api/effort/:id    public  audit=lead_created audit_mode=best_effort;
                POST   /api/die/:id       public  audit=lead_created;
                GET    /api/slow/:id      public  audit=lead_exported;
                {routes}
            }}
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://unix:{directory}/upstream.sock:;
        }}
        location = /metrics {{ leadgen_metrics; }}
        location / {{
            leadgen_policy {{ GET /** authenticated; }}
            if ($uri) {{ return 404; }}
        }}
    }}
}}
"""


class Auditing:
    """options: of leadgen_spool; spool: its directory, one below the nginx's
    own by default."""

    def __init__(self, gateway, options="size=64m", spool=None, workers=2,
                 **parts):
        self.gateway = gateway
        self.count = workers
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="leadgen-audit-"))
        self.directory.chmod(0o755)
        self.port = free_port()
        self.spool = pathlib.Path(spool or self.directory / "spool")
        (self.directory / "jwt.key").write_text(KEY)
        (self.directory / "jwt.key").chmod(0o600)
        fields = {"http": "", "server": "", "upstream": "", "routes": "",
                  "main": "user root;" if os.geteuid() == 0 else "",
                  "module": BUILD / "ngx_leadgen_module.so", **parts}
        (self.directory / "nginx.conf").write_text(CONF.format(
            directory=self.directory, port=self.port, workers=workers,
            spool=self.spool, options=options, **fields))
        self.command = ["/usr/sbin/nginx", "-c",
                        str(self.directory / "nginx.conf"),
                        "-p", str(self.directory), "-e",
                        str(self.directory / "error.log")]
        self.tokens = {}

    def __enter__(self):
        self.start()
        return self

    def start(self):
        # after a kill it is left
        (self.directory / "upstream.sock").unlink(missing_ok=True)
        self.begin = len(self.errors())
        env = {**os.environ,
               "AUDITING_DATABASE_URL": self.gateway.env["DATABASE_URL"]}
        done = subprocess.run(self.command, env=env, capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stderr
        wait_until(lambda: len(self.workers()) == self.count, 10, "workers")

    def __exit__(self, kind, *_):
        self.stop()
        if kind is None:
            shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self):
        """As systemd does: a while to finish, then an end."""
        pids = [self.master, *self.children()]
        os.kill(self.master, signal.SIGQUIT)
        try:
            wait_until(lambda: not any(map(alive, pids)), 20, "end of nginx")
        finally:
            for pid in filter(alive, pids):
                os.kill(pid, signal.SIGKILL)

    def kill(self):
        pids = [self.master, *self.children()]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(alive, pids)), 10, "end of nginx")

    # --- processes

    @property
    def master(self):
        return int((self.directory / "nginx.pid").read_text())

    def children(self, master=None):
        master = master or self.master
        path = pathlib.Path(f"/proc/{master}/task/{master}/children")
        return [int(pid) for pid in path.read_text().split()]

    def workers(self, master=None):
        try:
            return [pid for pid in self.children(master)
                    if b"worker process\0" in title(pid)]
        except (OSError, ValueError):           # no pid yet
            return []

    def upgrade(self):
        """To another binary, as nginx's documents have it."""
        old = self.master
        os.kill(old, signal.SIGUSR2)

        def upgraded():
            # the old one has renamed its file first
            with contextlib.suppress(OSError, ValueError):
                return (self.master != old
                        and len(self.workers()) == self.count)

        wait_until(upgraded, 20, "the new master")
        # for a while workers of both share the spool
        time.sleep(0.5)
        os.kill(old, signal.SIGWINCH)
        wait_until(lambda: not self.workers(old), 20, "end of old workers")
        os.kill(old, signal.SIGQUIT)
        wait_until(lambda: not alive(old), 20, "end of the old master")

    # --- requests

    def token(self, role="admin"):
        # no token counts before
        wait_until(lambda: "leadgen: revocations: all are known"
                   in self.errors()[self.begin:], 10, "revocations")
        if role not in self.tokens:
            now = int(time.time())
            self.tokens[role] = jwt.encode(
                {"sub": "1", "email": "a@example.com", "role": role,
                 "sid": str(uuid.uuid4()), "iat": now, "exp": now + 3600},
                KEY, algorithm="HS256", headers={"kid": "test"})
        return self.tokens[role]

    def connect(self, timeout=10):
        return http.client.HTTPConnection("127.0.0.1", self.port,
                                          timeout=timeout)

    def request(self, method, path, body=None, role=None, connection=None,
                headers=()):
        """(status, request id, body)"""
        own = connection or self.connect()
        headers = dict(headers)
        if role:
            headers["Authorization"] = f"Bearer {self.token(role)}"
        try:
            own.request(method, path, body, headers)
            response = own.getresponse()
            return (response.status, response.headers.get("X-Request-Id"),
                    response.read())
        finally:
            if connection is None:
                own.close()

    def raw(self, data, shut=False, wait=10):
        """What comes back for bytes, until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), wait) as client:
            client.sendall(data)
            if shut:
                client.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while chunk := client.recv(65536):
                    answer += chunk
            except ConnectionResetError:
                pass
            return answer

    # --- what is on record

    def logged(self):
        """[(id, status)] of the access log."""
        text = (self.directory / "access.log").read_text()
        return [tuple(line.split()) for line in text.splitlines()]

    def errors(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / "error.log").read_text(errors="replace")
        return ""

    def row(self, request_id):
        rows = self.gateway.sql(
            "select action, success, error_message, details from audit_logs"
            " where id = %s::uuid", request_id)
        assert len(rows) == 1, (request_id, rows)
        return rows[0]

    def metrics(self):
        """{ name with labels: value }, by a page of the module's own."""
        status, _, body = self.request("GET", "/metrics")
        assert status == 200
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
                for line in body.decode().splitlines()
                if line and line[0] != "#"}


ANSWER = re.compile(rb"HTTP/1.1 (\d+).*?\r\nContent-Length: (\d+).*?"
                    rb"\r\nX-Request-Id: (\S+).*?\r\n\r\n", re.S)


class Client:
    """A connection that costs the machine little."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self.socket.close()

    def ask(self, method, path):
        """(status, request id)"""
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: a\r\n"
                            "Content-Length: 0\r\n\r\n".encode())
        data = b""
        while True:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionResetError("no answer")
            data += more
            answer = ANSWER.match(data)
            if answer and len(data) >= answer.end() + int(answer[2]):
                return int(answer[1]), answer[3].decode()


class Load:
    """Clients that ask for one thing after the other, each on a connection of
    its own; requests: (method, path) in turn.  rate: requests a second of all
    together; keep: the connections are used again."""

    def __init__(self, nginx, requests=(("GET", "/api/strict/1"),
                                        ("POST", "/api/strict/2"),
                                        ("POST", "/api/strict/3"),
                                        ("DELETE", "/api/strict/4")),
                 clients=8, rate=None, keep=True):
        self.nginx = nginx
        self.requests = requests
        self.keep = keep
        self.pause = clients / rate if rate else 0
        self.answered = []                      # (status, id, seconds, at)
        self.errors = []
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.client)
                        for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def client(self):
        connection = None
        n = 0
        due = time.monotonic()
        while not self.ending.is_set():
            if self.pause:
                due = max(due + self.pause, time.monotonic() - 1)
                time.sleep(max(0, due - time.monotonic()))
            n += 1
            try:
                begin = time.monotonic()
                connection = connection or Client(self.nginx.port)
                status, request_id = connection.ask(
                    *self.requests[n % len(self.requests)])
                end = time.monotonic()
                self.answered.append((status, request_id, end - begin, end))
                if not self.keep:
                    connection.close()
                    connection = None
            except OSError as error:
                self.errors.append(error)
                if connection:
                    connection.close()
                connection = None

    def ids(self):
        return [answer[1] for answer in self.answered]

    def wait_for(self, n, seconds=60):
        begin = len(self.answered)
        wait_until(lambda: len(self.answered) >= begin + n, seconds,
                   f"{n} more answers")


def assert_recorded_once(gateway, ids, seconds=60):
    assert None not in ids and len(set(ids)) == len(ids)
    missing, doubled = gateway.wait_for_rows(ids, seconds)
    assert (len(missing), len(doubled)) == (0, 0), (
        f"of {len(ids)}: missing {sorted(missing)[:3]}, doubled"
        f" {sorted(doubled)[:3]}")


def title(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()


def alive(pid):
    try:
        return b") Z" not in pathlib.Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


def percentile(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, len(values) * percent // 100)]
