"""What waits for Sentry comes there, whatever Sentry does; a worker that died
left it in a file, which these tests write."""

import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import urllib.request

import pytest
from sentry_receiver import Receiver

from conftest import BUILD, free_port, wait_until

HEADER = struct.Struct("<QIIQQ")
MAGIC = 0x474e4952534c474e
SIZE = 1024 * 1024
ERROR, TRANSACTION = 0, 1

CONF = """
{user}
load_module {module};
env TEST_SENTRY_DSN;
worker_processes {workers};
pid {directory}/nginx.pid;
error_log {directory}/error.log info;
daemon off;
events {{ worker_connections 512; }}
http {{
    leadgen_zone     leadgen:1m;
    leadgen_database "host=/nonexistent";
    leadgen_revocation_max_stale 15s allow;
    leadgen_jwt_key  file:{directory}/jwt.key kid=test;
    leadgen_spool    {directory}/spool size=8m;
    leadgen_sentry   env:TEST_SENTRY_DSN timeout=500ms queue=8m level=off;
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location = /metrics {{ leadgen_metrics; }}
    }}
}}
"""


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def item(n, category=ERROR):
    """A frame with an event of that number."""
    event_id = struct.pack(">QQ", 0, n)
    text = json.dumps({"event_id": event_id.hex(), "message": f"number {n}"})
    payload = event_id + struct.pack("<II", 0, 0) + text.encode()
    body = struct.pack("<II", category, 0) + payload
    frame = struct.pack("<II", len(payload), crc32c(body)) + body
    return frame + bytes(-len(frame) % 8)


class Nginx:
    def __init__(self, dsn, items=(), workers=1):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="leadgen-sentry-"))
        self.directory.chmod(0o755)
        self.port = free_port()
        self.dsn = dsn
        self.folder = self.directory / "spool/sentry"
        (self.directory / "jwt.key").write_text("0123456789abcdef" * 4)
        (self.directory / "jwt.key").chmod(0o600)
        (self.directory / "nginx.conf").write_text(CONF.format(
            directory=self.directory, port=self.port, workers=workers,
            module=BUILD / "ngx_leadgen_module.so",
            user="user root;" if os.geteuid() == 0 else ""))
        self.folder.mkdir(parents=True)
        self.folder.parent.chmod(0o700)
        self.folder.chmod(0o700)
        if items:
            self.leave("0.ring", b"".join(items))

    def leave(self, name, frames):
        room = SIZE - HEADER.size
        header = HEADER.pack(MAGIC, 1, room, len(frames), 0)
        (self.folder / name).write_bytes(header + frames.ljust(room, b"\0"))

    def __enter__(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/nginx", "-p", self.directory, "-c", "nginx.conf",
             "-e", "error.log"], cwd=self.directory,
            env={**os.environ, "TEST_SENTRY_DSN": self.dsn})
        wait_until(self.answers, 15, "nginx")
        # only then tokens count
        wait_until(lambda: "revocations: PostgreSQL does not answer" in self.log(), 15, "question in vain")
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGQUIT)
        assert self.process.wait(30) == 0
        log = self.log()
        assert "swordfish" not in log and "hunter2" not in log
        if kind is None:
            shutil.rmtree(self.directory)

    def answers(self):
        try:
            return self.metrics()
        except OSError:
            assert self.process.poll() is None, self.log()
            return None

    def metrics(self):
        url = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return {line.rpartition(" ")[0].removeprefix("nginx_leadgen_"):
                    float(line.rpartition(" ")[2])
                    for line in answer.read().decode().splitlines()
                    if line and line[0] != "#"}

    def workers(self):
        """Their process ids, without those that are on their way out."""
        try:
            children = (pathlib.Path("/proc") / str(self.process.pid) / "task" / str(self.process.pid) / "children")
            return [int(pid) for pid in children.read_text().split() if "shutting" not in
                    (pathlib.Path("/proc") / pid / "cmdline").read_text()]
        except FileNotFoundError:
            return []

    def dropped(self, reason, category="error"):
        return self.metrics()["sentry_items_dropped_total"
                              f'{{category="{category}",reason="{reason}"}}']

    def log(self):
        return (self.directory / "error.log").read_text()


def numbers(sentry, kind="event"):
    """Each once, as Sentry shows them: what it was slow to answer comes again."""
    return sorted({int(one["event_id"], 16) for one in sentry.items(kind)})


def test_what_a_worker_left_is_sent_on_one_connection():
    with Receiver() as sentry:
        items = [item(n) for n in range(40)] + [item(40, TRANSACTION)]
        with Nginx(sentry.dsn, items) as nginx:
            wait_until(lambda: len(sentry.envelopes) == 41, 30, "items")
            assert numbers(sentry) == list(range(40))
            assert numbers(sentry, "transaction") == [40]
            assert len({port for port, _ in sentry.requests}) == 1
            assert "sentry_secret=hunter2" in sentry.requests[0][1]
            wait_until(lambda: nginx.metrics()["sentry_queue_bytes"] == 0, 30,
                       "empty file")
        assert sentry.errors == []


def test_silence_is_outlived_and_one_that_always_fails_stops_no_other():
    with Receiver() as sentry:
        sentry.hang.set()
        sentry.answer = lambda items: (
            (500, {}) if items[0][1]["message"] == "number 2" else (200, {}))
        with Nginx(sentry.dsn, [item(n) for n in range(12)]) as nginx:
            wait_until(lambda: nginx.metrics()
                       ['sentry_requests_total{result="failed"}'], 30, "end")
            assert sentry.envelopes == []
            sentry.hang.clear()
            wait_until(lambda: numbers(sentry) == [0, 1, *range(3, 12)], 30,
                       "all others")
            assert nginx.dropped("send_error") == 0
        assert sentry.errors == []


def test_a_file_outlives_a_refusing_sentry():
    port = free_port()
    with Nginx(f"http://swordfish@127.0.0.1:{port}/7",
               [item(n) for n in range(3)]) as nginx:
        wait_until(lambda: nginx.metrics()
                   ['sentry_requests_total{result="failed"}'], 30, "failure")
        with Receiver(port) as sentry:
            wait_until(lambda: numbers(sentry) == [0, 1, 2], 30, "items")


@pytest.mark.parametrize("answer, reason, sent", [
    ((413, {}), "send_error", 4),
    ((429, {}), "ratelimit_backoff", 1),
    ((429, {"Retry-After": "30"}), "ratelimit_backoff", 1),
    ((200, {"X-Sentry-Rate-Limits": "1:error:key"}), "ratelimit_backoff", 1),
])
def test_what_is_not_wanted_is_dropped_counted_and_told(answer, reason, sent):
    with Receiver() as sentry:
        # once: then all is well again
        answers = [answer]
        if answer[0] == 413:
            answers *= 3
        sentry.answer = lambda _: answers.pop() if answers else (200, {})
        with Nginx(sentry.dsn, [item(n) for n in range(4)]) as nginx:
            want = 4 - (answer[0] == 200) - (answer[0] == 413)
            wait_until(lambda: nginx.dropped(reason) == want, 30, "drops")
            assert len(sentry.requests) == sent
            limit = nginx.metrics()[
                'sentry_limited_timestamp_seconds{category="error"}']
            if answer[0] == 429:
                seconds = int(answer[1].get("Retry-After", 60))
                assert seconds - 5 <= limit - time.time() <= seconds + 1
            if answer[0] == 413:
                report, = sentry.items("client_report")
                assert report["discarded_events"] == [
                    {"reason": reason, "category": "error", "quantity": 3}]
        assert sentry.errors == []


def test_a_file_that_somebody_cuts_ends_no_worker():
    with Receiver() as sentry:
        sentry.hang.set()
        with Nginx(sentry.dsn, [item(n) for n in range(40)]) as nginx:
            wait_until(lambda: sentry.requests, 30, "request")
            os.truncate(nginx.folder / "0.ring", 0)
            sentry.hang.clear()
            wait_until(lambda: "was cut by somebody" in nginx.log(), 30, "words")
            wait_until(lambda: nginx.metrics()["sentry_queue_limit_bytes"] == os.stat(nginx.folder / "0.ring").st_size
                       - HEADER.size, 30, "another file")
            assert len(numbers(sentry)) <= 2
            assert "exited on signal" not in nginx.log()


def crash(nginx, number, others=1):
    """Ends a worker by a signal, once nginx has told that it started."""
    started = nginx.workers()
    assert len(started) == others
    os.kill(started[0], number)
    wait_until(lambda: len(nginx.workers()) == others and nginx.workers() != started, 30, "another worker")
    return started[0]


def test_a_worker_that_was_ended_is_told_of_by_the_next():
    with Receiver() as sentry:
        with Nginx(sentry.dsn) as nginx:
            pid = crash(nginx, signal.SIGSEGV)
            wait_until(lambda: sentry.items("event"), 30, "event")
            event, = sentry.items("event")
            exception, = event["exception"]["values"]
            assert event["level"] == "fatal"
            assert exception["type"] == "WorkerCrash"
            assert exception["value"] == "a worker was ended by signal 11 (Segmentation fault)"
            worker = event["contexts"]["worker"]
            assert worker["pid"] == str(pid) and worker["signal"] == "11"
            assert 0 <= int(worker["uptime_seconds"]) < 60
            assert nginx.metrics()["worker_crashes_total"] == 1
            # who leaves as told did not crash: one, and all at a reload
            crash(nginx, signal.SIGTERM)
            before = nginx.workers()
            nginx.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(nginx.workers()) == 1 and nginx.workers() != before, 30, "reload")
            wait_until(nginx.answers, 30, "answer")
            assert nginx.metrics()["worker_crashes_total"] == 1
        assert len(sentry.items("event")) == 1
        assert sentry.errors == []


def test_who_dies_with_all_others_is_not_told_of():
    with Receiver() as sentry:
        with Nginx(sentry.dsn) as nginx:
            workers = nginx.workers()
            nginx.process.kill()
            nginx.process.wait()
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            nginx.__enter__()
            assert nginx.metrics()["worker_crashes_total"] == 0
        assert sentry.items("event") == []


def test_a_damaged_file_is_emptied():
    frames = bytearray(item(1) + item(2))
    frames[len(frames) // 2 + 30] ^= 1
    with Receiver() as sentry:
        with Nginx(sentry.dsn, [bytes(frames)]) as nginx:
            wait_until(lambda: "is damaged" in nginx.log(), 30, "words")
            wait_until(lambda: nginx.metrics()["sentry_queue_bytes"] == 0, 30,
                       "empty file")
            assert numbers(sentry) == [1]
