"""An nginx of the benchmarks' own, and what it is asked: configurations and
requests go in, processes and counts come out."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docker/local"))

from ports import free_port  # noqa: E402

NGINX = os.environ.get("TEST_NGINX_BINARY", "/usr/sbin/nginx")
FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
CONNECTIONS = 32
KEY = b"a key of this benchmark, thirty-two bytes or more"
PATH = "/api/campaigns/42"

UPSTREAM = """
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "hello\\n"; }}
    }}
"""

PROXY = """
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
"""

BARE = """
    upstream backend {{ server 127.0.0.1:{upstream}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port};
        location /api/ {{""" + PROXY + """        }}
    }}
"""

GUARDED = """
    leadgen_zone leadgen:8m;
    leadgen_jwt_key file:{directory}/jwt.key alg=HS256 kid=bench max_age=1d;
    leadgen_spool {directory}/spool size=1g;
    leadgen_database "{database}";
    leadgen_revocation_max_stale 15s allow;
    upstream backend {{ server 127.0.0.1:{upstream}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port};
        location /api/ {{
            leadgen_policy {{
                GET /api/public/** public;
                GET /api/campaigns campaign:read;
                GET /api/campaigns/:id campaign:read;
                GET /api/leads lead:read;
                GET /api/leads/export lead:export audit=lead_exported;
            }}""" + PROXY + """        }}
    }}
"""


def token(more=0, alg="HS256", sign=None, jti=2):
    """A token of an administrator, with a claim of so many bytes more."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    now = int(time.time())
    text = b".".join(part(json.dumps(
        value, separators=(",", ":")).encode()) for value in (
        {"alg": alg, "typ": "JWT", "kid": "bench"},
        {"iss": "leadgen", "sub": "1", "email": "admin@example.com",
         "role": "admin", "sid": "01890000-0000-7000-8000-000000000001",
         "jti": f"01890000-0000-7000-8000-{jti:012}",
         "iat": now, "exp": now + 24 * 3600, "more": "x" * more}))
    sign = sign or (lambda text: hmac.digest(KEY, text, hashlib.sha256))
    return (text + b"." + part(sign(text))).decode()


TOKEN = token()


def install(*names):
    """Packages of Debian's; what can't be installed is left out and named."""
    missing = [name for name in names if subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", name],
        capture_output=True, text=True, check=False).stdout != "installed"]
    if missing:
        print(f"bench: installing {' '.join(missing)}", file=sys.stderr)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends",
             *missing], check=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def wrk_start(port, seconds, path=PATH, script=None, connections=CONNECTIONS,
              token=TOKEN, headers=()):
    """A wrk at work, whose output is text; script: says itself who asks."""
    words = [word for header in (f"Authorization: Bearer {token}", *headers)
             for word in ("-H", header)]
    return subprocess.Popen(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
         *(["-s", script] if script else []), *words,
         f"http://127.0.0.1:{port}{path}"], stdout=subprocess.PIPE, text=True)


def wrk(port, seconds, tolerated=0, **words):
    """Requests in a round of wrk, and requests/s; tolerated: the share of them
    that may fail; words: as of wrk_start."""
    output = wrk_start(port, seconds, **words).communicate()[0]
    requests = int(re.search(r"(\d+) requests in", output)[1])
    failed = re.search(r"Non-2xx.*: (\d+)", output)
    if failed and int(failed[1]) > tolerated * requests or (
            "Socket errors" in output and not tolerated):
        sys.exit(f"bench: port {port}: {output}")
    return requests, float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])


def cpu(pid):
    """CPU seconds of a process and its threads, so far, by the nanosecond:
    ticks are too coarse for a round of a second."""
    return sum(int(file.read_text().split()[0]) for file in
               pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


class Server:
    """An nginx in a directory of its own."""

    def __init__(self, root, name, http, modules=(), valgrind=None, files=None,
                 workers=1, connections=1024, path=PATH, **words):
        """path: one that needs a token."""
        self.port = free_port()
        self.path = path
        self.directory = root / re.sub(r"\W+", "-", name)
        shutil.rmtree(self.directory, ignore_errors=True)
        for folder in ("logs", "temp"):
            (self.directory / folder).mkdir(parents=True)
        key = self.directory / "jwt.key"
        key.write_bytes(KEY)
        key.chmod(0o600)
        words = {**words, "port": self.port, "directory": self.directory,
                 "hexkey": KEY.hex()}
        for file, text in (files or {}).items():
            (self.directory / file).write_text(text.format(**words))
            (self.directory / file).chmod(0o600)

        temporary = "\n".join(
            f"    {kind}_temp_path temp/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.directory / "nginx.conf").write_text(
            ("user root;\n" if os.geteuid() == 0 else "")
            + "".join(f"load_module {module};\n" for module in modules)
            + f"worker_processes {workers};\ndaemon off;\n"
            + f"master_process {'off' if valgrind else 'on'};\n"
            + "error_log logs/error.log warn;\npid logs/nginx.pid;\n"
            + f"worker_rlimit_nofile {FILES};\n"
            + f"events {{ worker_connections {connections}; }}\n"
            + "http {\n    access_log off;\n    keepalive_requests 1000000000;\n"
            + temporary
            + http.format(**words)
            + "}\n")

        self.process = subprocess.Popen(
            (valgrind or []) + [NGINX, "-p", f"{self.directory}/",
                                "-c", "nginx.conf", "-e", "logs/error.log"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.wait(self.has_told if valgrind else self.counts)

    def wait(self, is_ready):
        for _ in range(3000):
            if self.process.poll() is not None:
                sys.exit("bench: nginx did not start:\n"
                         + self.process.stderr.read().decode()
                         + (self.directory / "logs/error.log").read_text())
            try:
                if is_ready():
                    return
            except OSError:
                pass
            time.sleep(0.01)
        sys.exit("bench: nginx does not listen")

    def counts(self):
        """Whether tokens do: a gateway begins by asking which were revoked."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as client:
            client.sendall(f"GET {self.path} HTTP/1.0\r\nHost: x\r\n"
                           f"Authorization: Bearer {TOKEN}\r\n\r\n".encode())
            return b"revocations-unknown" not in client.recv(65536)

    def has_told(self):
        """The same by the log, where each request is counted."""
        socket.create_connection(("127.0.0.1", self.port), 10).close()
        return "leadgen: revocations: PostgreSQL does not answer" in (
            self.directory / "logs/error.log").read_text()

    def stop(self):
        # a single process can miss a signal that comes just before it waits
        # for events
        for _ in range(60):
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(0.5)
                return
            except subprocess.TimeoutExpired:
                continue
        self.process.kill()
        self.process.wait()

    def workers(self):
        """The processes below the master."""
        pid = self.process.pid
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children") \
            .read_text().split()

    def cpu(self):
        """CPU seconds of the master and its children, so far."""
        return sum(map(cpu, [self.process.pid, *self.workers()]))

    def memory(self):
        """KiB of its worker's heap and data: zone and spool not counted."""
        text = pathlib.Path(f"/proc/{self.workers()[0]}/smaps_rollup") \
            .read_text()
        return int(re.search(r"^Anonymous: +(\d+) kB", text, re.M)[1])


def ask(port, path, status, count, headers=""):
    """That many requests over one connection; each answer is looked at."""
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode()

    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        stream = connection.makefile("rb")
        for _ in range(count):
            connection.sendall(request)
            line = stream.readline().decode()
            if f" {status} " not in line:
                sys.exit(f"bench: {path}: {line.strip()}, not {status}")
            length = 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            stream.read(length)
