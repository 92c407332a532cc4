"""Calls to servers that fail in every way, made from inside nginx by a module
of the test's own, io_module.c."""

import collections
import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse

import pytest

from conftest import BUILD, BUSY, ROOT, free_port, wait_until

DEADLINE = 1000                 # milliseconds, of calls to PostgreSQL


def as_user(name):
    return (["setpriv", "--reuid", name, "--regid", name, "--init-groups", "--"]
            if os.geteuid() == 0 else [])


class Server:
    """A program that runs, ends and runs again on one port."""

    def __init__(self, directory, arguments):
        self.directory = directory
        self.arguments = arguments
        self.process = None
        self.start()

    def start(self):
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(self.arguments, stdout=log,
                                            stderr=log)
        wait_until(self.is_ready, 20, self.directory.name)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.process = None


class Postgres(Server):
    def __init__(self, directory):
        self.port = free_port()
        self.url = f"postgresql://gateway@127.0.0.1:{self.port}/postgres"
        directory.mkdir()
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres")
        self.bin = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        self.data = directory / "data"
        subprocess.run(as_user("postgres") + [
            self.bin / "initdb", "-D", self.data, "-U", "postgres", "-A",
            "trust", "--no-sync", "--no-instructions"], check=True,
            stdout=subprocess.DEVNULL)
        with open(self.data / "postgresql.conf", "a") as conf:
            conf.write(f"listen_addresses = '127.0.0.1'\nport = {self.port}\n"
                       f"unix_socket_directories = '{directory}'\n"
                       "fsync = off\nshared_buffers = 16MB\n")
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\n"
            "host all secretive 127.0.0.1/32 scram-sha-256\n"
            "host all all 127.0.0.1/32 trust\n")
        super().__init__(directory, as_user("postgres")
                         + [self.bin / "postgres", "-D", self.data])
        self.sql("create role gateway login superuser")

    def is_ready(self):
        return subprocess.run(
            [self.bin / "pg_isready", "-q", "-h", self.directory,
             "-p", str(self.port)], check=False).returncode == 0

    def stop(self):
        self.process.send_signal(signal.SIGINT)         # a fast shutdown
        self.process.wait(60)
        self.process = None

    def sql(self, *queries):
        words = [word for query in queries for word in ("-c", query)]
        return subprocess.run(
            ["psql", "-X", "-qAt", "-h", self.directory, "-p", str(self.port),
             "-U", "postgres", *words], check=True, capture_output=True,
            text=True).stdout.strip()

    def backends(self):
        return [int(pid) for pid in self.sql(
            "select pid from pg_stat_activity"
            " where application_name = 'nginx-leadgen'").split()]

    def settled(self):
        wait_until(lambda: not self.backends(), 10, "end of old connections")

    @contextlib.contextmanager
    def frozen(self, pids=None):
        """It is there, and does nothing; or its processes pids only."""
        pids = pids or [self.process.pid, *self.backends()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


class Redis(Server):
    def __init__(self, directory):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/1"
        directory.mkdir()
        super().__init__(directory, ["redis-server", "--port", str(self.port),
                                     "--bind", "127.0.0.1", "--save", ""])

    def command(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), 5) as client:
            client.sendall(b"*%d\r\n" % len(words) + b"".join(
                b"$%d\r\n%b\r\n" % (len(word), word.encode())
                for word in words))
            return client.recv(4096)

    def is_ready(self):
        try:
            return self.command("PING") == b"+PONG\r\n"
        except OSError:
            return False


class Nginx:
    """backends: (name, driver, target, links, depth, queue, deadline)"""

    def __init__(self, place, backends, main="", single=False):
        self.port = free_port()
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=place))
        self.directory.chmod(0o755)
        lines = "\n".join(
            f'io_backend {name} {driver} "{target}"'
            f" {links} {depth} {queue} {deadline};"
            for name, driver, target, links, depth, queue, deadline in backends)
        (self.directory / "nginx.conf").write_text(f"""
            load_module {BUILD}/ngx_leadgen_module.so;
            load_module {place}/io_module.so;
            {"user root;" if os.geteuid() == 0 else ""}
            {"master_process off;" if single else ""}
            daemon off; pid pid; error_log error.log info; {main}
            events {{ worker_connections 512; }}
            http {{
                access_log off; keepalive_timeout 0;
                client_body_temp_path a; proxy_temp_path b;
                fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
                {lines}
                server {{
                    listen 127.0.0.1:{self.port};
                    location / {{ io; }}
                    location = /static {{ return 200 "static\n"; }}
                }}
            }}""")
        self.process = subprocess.Popen(
            [os.environ.get("TEST_NGINX_BINARY", "/usr/sbin/nginx"), "-p",
             f"{self.directory}/", "-c", "nginx.conf", "-e", "error.log"],
            stderr=subprocess.DEVNULL)

        def answers():
            try:
                return self.get("/static") == "static\n"
            except OSError:
                return False

        wait_until(answers, 10, "nginx")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.end()
        alarms = [line for line in self.log().splitlines()
                  if "[alert]" in line or "[emerg]" in line or "signal 1" in line
                  and "exited on" in line]
        assert alarms == []

    def end(self, number=signal.SIGQUIT):
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)

    def log(self):
        return (self.directory / "error.log").read_text(errors="replace")

    def get(self, path):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            client.request("GET", path)
            return client.getresponse().read().decode()
        finally:
            client.close()

    def call(self, backend, statement, *args, **options):
        """What came back, line by line: the result, and "= value" each."""
        words = {"backend": backend, "statement": statement, **options}
        words.update({f"a{i}": arg for i, arg in enumerate(args)})
        return self.get("/?" + urllib.parse.urlencode(
            words, quote_via=urllib.parse.quote)).splitlines()

    def result(self, *args, **options):
        return self.call(*args, **options)[0].split()[0]

    def timed(self, *args, **options):
        begin = time.monotonic()
        return self.result(*args, **options), time.monotonic() - begin

    def is_up(self, backend):
        return self.get(f"/?backend={backend}").startswith("up")

    def wait_up(self, *backends):
        for backend in backends:
            wait_until(lambda name=backend: self.is_up(name), 10,
                       f"{backend} up")

    def recovers(self, *args):
        """Within two seconds calls are answered again."""
        wait_until(lambda: self.result(*args) == "OK", 2, "recovery")

    def gap(self):
        """The longest time that the event loop was held since the last one."""
        return int(self.get("/").split()[0].removeprefix("gap="))

    def begun(self):
        """How many requests have made their calls so far."""
        return int(self.get("/").split()[2].removeprefix("begun="))

    def running(self):
        """How many threads sleep now."""
        return int(self.get("/").split()[3].removeprefix("running="))

    def workers(self):
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        return [int(child) for child in children.read_text().split()]

    def descriptors(self):
        return [len(os.listdir(f"/proc/{pid}/fd")) for pid in self.workers()]

    def in_flight(self, *calls):
        """Makes calls at once; returns what gives their results."""
        results = [None] * len(calls)

        def run(number):
            try:
                results[number] = self.result(*calls[number])
            except (OSError, http.client.HTTPException):
                results[number] = "NONE"

        threads = [threading.Thread(target=run, args=(number,))
                   for number in range(len(calls))]
        before = self.begun()
        for thread in threads:
            thread.start()
        wait_until(lambda: self.begun() == before + len(calls), 5, "calls")

        def join():
            for thread in threads:
                thread.join()
            return collections.Counter(results)

        return join


@pytest.fixture(scope="module")
def place():
    """A directory that PostgreSQL's user can reach, with the module in it."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="leadgen-io-"))
    directory.chmod(0o755)
    source = pathlib.Path(os.environ.get("NGINX_SRC", "/usr/share/nginx/src"))
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-g", "-Wall", "-Werror",
         f"-I{ROOT}/include", f"-I{BUILD}",
         *[f"-I{source}/src/{part}" for part in (
             "core", "event", "event/modules", "os/unix", "http",
             "http/modules", "http/v2")],
         "-o", directory / "io_module.so", ROOT / "t/e2e/io_module.c"],
        check=True)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def running(place):
    with contextlib.ExitStack() as stack:
        servers = []
        for kind in (Postgres, Redis):
            server = kind(place / kind.__name__.lower())
            servers.append(server)
            stack.callback(lambda server=server: server.process
                           and server.stop())
        yield servers


@pytest.fixture
def postgres(running):
    running[0].settled()
    return running[0]


@pytest.fixture
def redis(running):
    return running[1]


def pg(postgres, links=2, depth=8, queue=16, deadline=DEADLINE, name="pg"):
    return (name, "pg", postgres.url, links, depth, queue, deadline)


def rd(redis, links=1, depth=8, queue=16, deadline=400, name="redis"):
    return (name, "redis", redis.url, links, depth, queue, deadline)


def threads(number=2, queue=16, deadline=400):
    return ("threads", "thread", "", number, 1, queue, deadline)


def test_answers(place, postgres, redis):
    backends = [pg(postgres), pg(postgres, 1, name="listener"), rd(redis),
                threads()]
    with Nginx(place, backends) as nginx:
        nginx.wait_up("pg", "listener", "redis")
        assert nginx.call("pg", "select $1::int + 1, null", "4") == [
            "OK - ", "= 5", "= NULL"]
        assert nginx.call("pg", "selec")[0].startswith("REFUSED 42601 ")
        assert nginx.call("redis", "EVAL", "return {1, {2, {3}}, 'x'}", "0") == [
            "OK - ", "= 1", "= 2", "= NULL", "= x"]
        # the arguments that Redis quotes are left out
        assert nginx.call("redis", "NOPE", "secret") == [
            "REFUSED - ERR unknown command 'NOPE'"]
        assert nginx.call("threads", "sleep", "1") == ["OK - ", "= slept"]
        assert nginx.result("threads", "sleep", "x") == "REFUSED"

        postgres.sql("notify io, 'x'")
        wait_until(lambda: "notified=1" in nginx.get("/?backend=listener"), 5,
                   "notification")

        assert nginx.call("pg", "select 1", cancel=1, n=5)[:5] == [
            "CANCELED"] * 5
        nginx.call("pg", "select 1", detached=1, n=3)
        wait_until(lambda: nginx.log().count("io: detached: OK") == 3, 5,
                   "calls without owner")


def test_servers_come_and_go(place, postgres, redis):
    postgres.stop()
    redis.stop()
    try:
        nginx = Nginx(place, [pg(postgres), rd(redis)])
    finally:
        postgres.start()
        redis.start()
    with nginx:
        for number in range(4):
            nginx.recovers("pg", "select 1")
            nginx.recovers("redis", "PING")
            wait_until(lambda: len(postgres.backends()) == 2, 5, "both links")
            if number == 0:
                descriptors = nginx.descriptors()
            elif number == 3:
                break
            postgres.stop()
            redis.stop()
            nginx.call("pg", "select 1", n=20)
            postgres.start()
            redis.start()
        assert nginx.descriptors() == descriptors


def test_terminated_in_flight(place, postgres):
    with Nginx(place, [pg(postgres)]) as nginx:
        nginx.wait_up("pg")
        wait_until(lambda: len(postgres.backends()) == 2, 5, "both links")
        results = nginx.in_flight(*[("pg", "select pg_sleep(0.8)")] * 2)
        postgres.sql("select pg_terminate_backend(pid) from pg_stat_activity"
                     " where application_name = 'nginx-leadgen'")
        assert results() == {"LOST": 2}
        nginx.recovers("pg", "select 1")


def test_frozen(place, postgres):
    with Nginx(place, [pg(postgres)]) as nginx:
        nginx.wait_up("pg")
        with postgres.frozen():
            result, seconds = nginx.timed("pg", "select 1")
            assert result == "TIMEOUT"
            assert 0.5 <= seconds / (DEADLINE / 1000) <= 1.5 * BUSY

            wait_until(lambda: nginx.result("pg", "select 1") == "BUSY", 10,
                       "open breaker")
            assert nginx.timed("pg", "select 1")[1] < 0.5 * BUSY
            assert nginx.get("/static") == "static\n"
            assert nginx.gap() < 1000
        nginx.recovers("pg", "select 1")


def test_one_connection_frozen(place, postgres):
    with Nginx(place, [pg(postgres)]) as nginx:
        nginx.wait_up("pg")
        wait_until(lambda: len(postgres.backends()) == 2, 5, "both links")
        with postgres.frozen(postgres.backends()[:1]):
            results = [nginx.timed("pg", "select 1") for _ in range(100)]
            # the one that met it
            assert [result for result, _ in results].count("OK") >= 99
            assert max(seconds for _, seconds in results) < 1.9 * BUSY
            # none had to meet it: two at once do
            nginx.in_flight(*[("pg", "select pg_sleep(0.4)")] * 2)()
            wait_until(lambda: "does not answer" in nginx.log(), 5,
                       "end of that link")
            nginx.recovers("pg", "select 1")


def test_password_wrong_and_right(place, postgres):
    postgres.sql("drop role if exists secretive",
                 "create role secretive login password 'right'")
    url = postgres.url.replace("gateway@", "secretive:sesame@")
    with Nginx(place, [("pg", "pg", url, 1, 8, 16, DEADLINE)]) as nginx:
        wait_until(lambda: "authentication failed" in nginx.log(), 5,
                   "complaint")
        assert not nginx.is_up("pg")
        assert "sesame" not in nginx.log()
        postgres.sql("alter role secretive password 'sesame'")
        nginx.recovers("pg", "select 1")


def test_function_comes_and_changes(place, postgres):
    postgres.sql("drop function if exists f")
    with Nginx(place, [pg(postgres)]) as nginx:
        nginx.wait_up("pg")
        assert {line.split()[1] for line in nginx.call(
            "pg", "select f()", n=6)} == {"42883"}
        for kind, value in (("int", "7"), ("text", "x")):
            postgres.sql("drop function if exists f",
                         f"create function f() returns {kind}"
                         f" language sql as $$ select '{value}'::{kind} $$")
            assert nginx.call("pg", "select f()", n=6) == [
                "OK - ", f"= {value}"] * 6


def test_server_becomes_read_only(place, postgres):
    postgres.sql("create table if not exists w (n int)")
    with Nginx(place, [pg(postgres)]) as nginx:
        nginx.wait_up("pg")
        assert nginx.result("pg", "insert into w values (1)") == "OK"
        postgres.sql("alter system set default_transaction_read_only = on",
                     "select pg_reload_conf()")
        try:
            wait_until(lambda: nginx.call("pg", "insert into w values (1)")[0]
                       .startswith("REFUSED 25006"), 5, "refusal")
        finally:
            postgres.sql(
                "set default_transaction_read_only = off",
                "alter system reset default_transaction_read_only",
                "select pg_reload_conf()")
        nginx.recovers("pg", "insert into w values (1)")
        # another of several hosts may be the one to write to
        assert "pg: refuses to work" in nginx.log()


def test_too_many_connections(place, postgres):
    postgres.sql("drop role if exists few",
                 "create role few login connection limit 2")
    url = postgres.url.replace("gateway@", "few@")
    with Nginx(place, [("pg", "pg", url, 5, 8, 16, DEADLINE)]) as nginx:
        nginx.wait_up("pg")
        wait_until(lambda: nginx.log().count("too many connections") >= 8, 10,
                   "refused connections")
        # the links that are up go on, though nothing has used them
        assert nginx.is_up("pg")
        assert nginx.result("pg", "select 1") == "OK"


def test_names(place, postgres, redis):
    port = postgres.port
    good = {
        "name": f"postgresql://gateway@localhost:{port}/postgres",
        "second": f"host=127.0.0.1,localhost port=1,{port} user=gateway"
                  " dbname=postgres",
        "writable": f"postgresql://gateway@127.0.0.1:1,127.0.0.1:{port}"
                    "/postgres?target_session_attrs=read-write",
        "socket": f"host={postgres.directory} port={port} user=gateway"
                  " dbname=postgres"}
    backends = [(name, "pg", target, 1, 8, 16, DEADLINE)
                for name, target in good.items()]
    backends += [
        ("dead", "pg", "host=dead.invalid dbname=x", 1, 8, 16, DEADLINE),
        ("redis", "redis", f"redis://localhost:{redis.port}", 1, 8, 16, 400)]
    with Nginx(place, backends) as nginx:
        nginx.wait_up(*good, "redis")
        for name in good:
            assert nginx.result(name, "select 1") == "OK"
        assert nginx.result("redis", "PING") == "OK"
        assert nginx.result("dead", "select 1") in ("UNSENT", "BUSY")
        assert nginx.gap() < 1000


def test_redis_refuses(place, redis):
    with Nginx(place, [rd(redis)]) as nginx:
        nginx.wait_up("redis")
        write = ("redis", "SET", "key", "value")

        redis.command("CONFIG", "SET", "maxmemory", "1")
        assert nginx.call(*write)[0].startswith("REFUSED - OOM")
        assert nginx.result("redis", "GET", "key") == "OK"
        redis.command("CONFIG", "SET", "maxmemory", "0")
        assert nginx.result(*write) == "OK"

        redis.command("REPLICAOF", "127.0.0.1", "1")
        assert nginx.call(*write)[0].startswith("REFUSED - READONLY")
        redis.command("REPLICAOF", "NO", "ONE")
        nginx.recovers(*write)
        assert "redis: refuses to work: READONLY" in nginx.log()

        redis.command("CLIENT", "PAUSE", "700")
        result, seconds = nginx.timed(*write)
        assert result == "TIMEOUT"
        assert seconds <= 0.8 * BUSY
        nginx.recovers(*write)


def test_redis_password(place, redis):
    redis.command("CONFIG", "SET", "requirepass", "sesame")
    backends = [(name, "redis", redis.url.replace("//", f"//:{password}@"), 1,
                 8, 16, 400) for name, password in (("right", "sesame"),
                                                    ("wrong", "mustard"))]
    backends.append(rd(redis, name="none"))
    try:
        with Nginx(place, backends) as nginx:
            nginx.wait_up("right")
            wait_until(lambda: "wrong: could not log in: WRONGPASS"
                       in nginx.log(), 5, "complaint")
            wait_until(lambda: "none: could not log in: NOAUTH"
                       in nginx.log(), 5, "complaint")
            assert nginx.result("right", "SET", "key", "value") == "OK"
            assert not nginx.is_up("wrong") and not nginx.is_up("none")
            assert "sesame" not in nginx.log()
            assert "mustard" not in nginx.log()
    finally:
        with socket.create_connection(("127.0.0.1", redis.port), 5) as client:
            client.sendall(b'AUTH sesame\r\nCONFIG SET requirepass ""\r\n')
            client.recv(100)
            time.sleep(0.1)


def test_clients_leave(place, postgres, redis):
    backends = [pg(postgres, queue=2000), rd(redis), threads(queue=2000)]
    paths = ["backend=pg&statement=select%20pg_sleep(0.02)",
             "backend=threads&statement=sleep&a0=10",
             "backend=redis&statement=PING"]
    with Nginx(place, backends) as nginx:
        nginx.wait_up("pg", "redis")
        workers = nginx.workers()
        for number in range(400):
            request = f"GET /?{paths[number % 3]} HTTP/1.0\r\n\r\n".encode()
            with socket.create_connection(("127.0.0.1", nginx.port)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  struct.pack("ii", 1, 0))
                client.sendall(request)
                time.sleep((0, 0, 0.001, 0.005)[number % 4])
        for call in (("pg", "select 1"), ("threads", "sleep", "1"),
                     ("redis", "PING")):
            wait_until(lambda call=call: nginx.result(*call) == "OK", 10,
                       "answer")
        assert nginx.workers() == workers


def test_queue_full_and_threads_hung(place, postgres):
    backends = [pg(postgres, 1, 2, 5), threads(2, 3)]
    with Nginx(place, backends) as nginx:
        nginx.wait_up("pg")
        for call, room in ((("pg", "select pg_sleep(0.01)"), 7),
                           (("threads", "sleep", "10"), 5)):
            lines = [line.split()[0] for line in nginx.call(*call, n=20)]
            assert (lines.count("OK"), lines.count("BUSY")) == (room, 20 - room)

        hang = nginx.in_flight(*[("threads", "sleep", "1500")] * 2)
        result, seconds = nginx.timed("threads", "sleep", "1")
        assert result == "UNSENT"
        assert seconds <= 0.8 * BUSY
        assert nginx.get("/static") == "static\n"
        assert nginx.gap() < 1000
        assert hang() == {"TIMEOUT": 2}
        nginx.recovers("threads", "sleep", "1")


CALLS = ([("pg", "select pg_sleep(0.6)")] * 4 + [("redis", "BLPOP", "none", "1")]
         + [("threads", "sleep", "600")] * 4)


def long_calls(postgres, redis):
    return [pg(postgres, 2, 1, 16, 4000), rd(redis, deadline=4000),
            threads(2, 16, 4000)]


@pytest.mark.parametrize("single", [False, True])
def test_ends(place, postgres, redis, single):
    """However nginx ends, nothing is left open."""
    for number in (signal.SIGQUIT, signal.SIGTERM):
        with Nginx(place, long_calls(postgres, redis), single=single) as nginx:
            nginx.wait_up("pg", "redis")
            results = nginx.in_flight(*CALLS)
            nginx.end(number)
            # without a master nginx does not wait for anything
            if number == signal.SIGQUIT and not single:
                assert results() == {"OK": len(CALLS)}
            else:
                assert results() == {"NONE": len(CALLS)}


@pytest.mark.parametrize("single", [False, True])
def test_work_ends_before_its_memory_is_freed(place, single):
    """Also of a pool whose queue is full: nginx does not end its threads."""
    with Nginx(place, [threads(2, 16, 60000)], single=single,
               main="thread_pool default threads=1 max_queue=1;") as nginx:
        sleeping = nginx.in_flight(("threads", "sleep", "1000"))
        wait_until(lambda: nginx.running() == 1, 10, "a thread that sleeps")
        queued = nginx.in_flight(("threads", "sleep", "1"))
        nginx.end(signal.SIGTERM)
        sleeping()
        queued()
        assert "io: exit: 2 slept" in nginx.log()
        assert "queue overflow" not in nginx.log()


def test_threads_keep_nothing(place):
    """While they end nginx goes on, and OpenSSL frees what is its own."""
    with Nginx(place, [threads(1)],
               main="thread_pool default threads=1;") as nginx:
        for _ in range(2):
            assert nginx.call("threads", "leave") == ["OK - ", "= none"]


def test_ends_though_servers_are_frozen(place, postgres):
    with Nginx(place, [pg(postgres)]) as nginx:
        nginx.wait_up("pg")
        with postgres.frozen():
            results = nginx.in_flight(*[("pg", "select 1")] * 4)
            nginx.end()
            assert results() == {"TIMEOUT": 4}


def test_reload(place, postgres, redis):
    with Nginx(place, long_calls(postgres, redis)) as nginx:
        nginx.wait_up("pg", "redis")
        before = set(nginx.workers())
        results = nginx.in_flight(*CALLS)
        nginx.process.send_signal(signal.SIGHUP)
        assert results() == {"OK": len(CALLS)}
        wait_until(lambda: not before & set(nginx.workers()), 5, "new worker")
        nginx.recovers("pg", "select 1")


def test_shutdown_timeout(place, postgres, redis):
    with Nginx(place, long_calls(postgres, redis),
               main="worker_shutdown_timeout 200ms;") as nginx:
        nginx.wait_up("pg", "redis")
        # a call that no client holds; it would be TIMEOUT after four seconds
        nginx.call("pg", "select pg_sleep(60)", detached=1)
        nginx.end()
        assert "io: detached: LOST" in nginx.log()
