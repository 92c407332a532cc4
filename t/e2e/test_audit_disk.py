"""The spool on disks that are full, fail or lose power, and what it costs."""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import uuid

import pytest

from auditing import LONG, Auditing, Load, assert_recorded_once
from conftest import BUSY, wait_until
from test_tracking import token

EXT4_SHUTDOWN = 0x8004587D      # EXT4_IOC_SHUTDOWN
NO_LOG_FLUSH = 2

needs_root = pytest.mark.skipif(os.geteuid() != 0,
                                reason="only root can mount")
needs_strace = pytest.mark.skipif(shutil.which("strace") is None,
                                  reason="strace is not installed")


@contextlib.contextmanager
def database_away(gateway):
    gateway.supervisor("stop", "postgres")
    try:
        yield
    finally:
        gateway.supervisor("start", "postgres")
        wait_until(lambda: gateway.login("user").status == 200, 30, "database")


def mount(point, *words):
    done = subprocess.run(["mount", *map(str, words), point], check=False,
                          capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"could not mount: {done.stderr.strip()}")


def unmount(point):
    wait_until(lambda: subprocess.run(["umount", point], check=False,
                                      capture_output=True).returncode == 0,
               10, f"end of {point}")


@contextlib.contextmanager
def tmpfs(size):
    with tempfile.TemporaryDirectory(prefix="leadgen-disk-") as point:
        mount(point, "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs")
        try:
            yield pathlib.Path(point)
        finally:
            unmount(point)


class Ext4:
    """A disk of its own, whose power can be cut."""

    def __init__(self, directory):
        self.point = directory / "disk"
        self.point.mkdir()
        self.image = directory / "image"
        self.image.touch()
        os.truncate(self.image, 128 * 1024 * 1024)
        if subprocess.run(["mkfs.ext4", "-q", "-F", self.image],
                          check=False, capture_output=True).returncode != 0:
            pytest.skip("could not make an ext4")
        self.mount()

    def mount(self):
        mount(self.point, "-o", "loop,errors=remount-ro", self.image)

    def unmount(self):
        unmount(self.point)

    def cut_power(self):
        """Nothing goes to the disk from now on, not even the journal."""
        directory = os.open(self.point, os.O_RDONLY)
        try:
            fcntl.ioctl(directory, EXT4_SHUTDOWN,
                        struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(directory)

    def device(self):
        return pathlib.Path(subprocess.run(
            ["findmnt", "-no", "SOURCE", self.point], check=True,
            capture_output=True, text=True).stdout.strip()).name


def ask(nginx, path, n=1):
    """What n requests are answered: [(status, id)]"""
    return [nginx.request("POST", path)[:2] for _ in range(n)]


def dropped(nginx):
    return sum(value for name, value in nginx.metrics().items()
               if name.startswith("nginx_leadgen_events_dropped_total"))


def refused(nginx):
    return nginx.metrics()['nginx_leadgen_events_total{state="refused"}']


@needs_root
def test_full(gateway, tmp_path):
    """1 MB, and PostgreSQL is away."""
    key = tmp_path / "key"
    key.write_text(gateway.env["TRACKING_KEY"])
    unsubscribe = f"/t/u/{token(gateway, 'u', uuid.uuid4())}"
    with tmpfs("1m") as point, Auditing(
            gateway, options="size=1m", spool=point / "spool",
            http="leadgen_audit routes;",
            server=f"location /t/ {{ leadgen_track file:{key}; }}") as nginx:
        strict, unrecorded = [], []

        def gives_up():
            """The modes give up one after the other, in each worker."""
            for mode in ("normal", "effort"):
                unrecorded.extend(ask(nginx, f"/api/{mode}/1", 10))
            strict.extend(ask(nginx, "/api/strict/1", 20))
            return {status for status, _ in strict[-20:]} == {503}

        with database_away(gateway):
            wait_until(gives_up, 60, "a full spool")
            for mode in ("normal", "effort"):
                unrecorded.extend(ask(nginx, f"/api/{mode}/1", 20))
            # nobody is told that he is unsubscribed when it is written nowhere
            said = []

            def tells():
                said.extend(ask(nginx, unsubscribe, 20))
                return {status for status, _ in said[-20:]} == {503}

            wait_until(tells, 60, "who unsubscribes to be told")
            assert {status for status, _ in said} <= {200, 503}
            wait_until(lambda:
                       nginx.metrics()["nginx_leadgen_spool_level"] >= 3, 5,
                       "a level of 95 %")
            was_dropped, was_refused = dropped(nginx), refused(nginx)
        begin = time.monotonic()
        wait_until(lambda: ask(nginx, "/api/strict/1")[0][0] == 200
                   and ask(nginx, "/api/effort/1")[0][0] == 200, 10, "healing")
        healed = time.monotonic() - begin

        # what is strict is recorded or not served, the others are served
        assert {status for status, _ in unrecorded} == {200}
        assert {status for status, _ in strict} == {200, 503}
        answered = [i for status, i in strict if status == 200]
        assert_recorded_once(gateway, answered, 20)
        wait_until(lambda: nginx.metrics()["nginx_leadgen_spool_level"] == 0,
                   10, "an empty spool")
        rows = gateway.rows([i for _, i in unrecorded])
        assert was_dropped == len(unrecorded) - len(rows) > 20
        print(f"{was_dropped:.0f} of {len(unrecorded)} dropped,"
              f" {was_refused:.0f} refused, healed {healed:.1f} s after the"
              " database was back")
        assert healed < 5 * BUSY
        assert "exited on signal" not in nginx.errors()


@contextlib.contextmanager
def traced(pid, calls, faults=()):
    """strace of a process with all its threads; its output."""
    words = [word for fault in faults for word in ("-e", f"inject={fault}")]
    with tempfile.TemporaryFile("w+") as log:
        trace = subprocess.Popen(["strace", "-f", "-e", f"trace={calls}",
                                  *words, "-p", str(pid)], stderr=log)
        try:
            wait_until(lambda: is_traced(pid) or trace.poll() is not None, 10,
                       "strace")
            if trace.poll() is not None:
                pytest.skip(f"strace may not: {tail(log)}")
            yield log
        finally:
            if trace.poll() is None:
                trace.send_signal(signal.SIGINT)
            trace.wait(10)


def tail(log):
    log.seek(0)
    return log.read()


def is_traced(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return "TracerPid:\t0\n" not in status


@needs_root
@needs_strace
def test_io_errors(gateway):
    """The disk answers EIO to every sync, and then does not."""
    with Auditing(gateway, options="size=16m fsync=always",
                  workers=1) as nginx:
        answers = ask(nginx, "/api/strict/1", 10)
        calls = ("fdatasync", "fsync", "fallocate")
        with traced(nginx.workers()[0], ",".join(calls),
                    [f"{call}:error=EIO" for call in calls]):
            # one may have been under way when the disk failed: no answer
            with contextlib.suppress(Exception):
                answers += ask(nginx, "/api/strict/1")
            failed = ask(nginx, "/api/strict/1", 10)
            assert {status for status, _ in failed} == {503}
            assert {s for s, _ in ask(nginx, "/api/normal/1", 10)} == {200}
            assert dropped(nginx) == 10
        begin = time.monotonic()
        wait_until(lambda: ask(nginx, "/api/strict/1")[0][0] == 200, 10,
                   "healing")
        healed = time.monotonic() - begin
        print(f"healed {healed:.1f} s after the disk")
        assert healed < 5 * BUSY
        assert_recorded_once(gateway, [i for s, i in answers if s == 200], 20)
        assert "could not sync" in nginx.errors()


@pytest.fixture
def disk():
    with tempfile.TemporaryDirectory(prefix="leadgen-disk-") as directory:
        disk = Ext4(pathlib.Path(directory))
        try:
            yield disk
        finally:
            disk.unmount()


@needs_root
def test_read_only(gateway, disk):
    """The file system fails, and is read-only from then on."""
    trigger = pathlib.Path(f"/sys/fs/ext4/{disk.device()}/trigger_fs_error")
    with Auditing(gateway, options="size=16m fsync=always",
                  spool=disk.point / "spool", workers=1) as nginx:
        if not trigger.exists():
            pytest.skip("this kernel's ext4 can't be made to fail")
        workers = nginx.workers()
        answers = ask(nginx, "/api/strict/1", 20)
        trigger.write_text("the test\n")
        for _ in range(10):
            # no answer where the sync failed under way
            with contextlib.suppress(Exception):
                answers += ask(nginx, "/api/strict/1")
        assert {s for s, _ in ask(nginx, "/api/strict/1", 10)} == {503}
        assert {s for s, _ in ask(nginx, "/api/normal/1", 10)} == {200}
        assert nginx.workers() == workers
        assert_recorded_once(gateway,
                             [i for s, i in answers if s == 200], 20)


@needs_root
def test_power_cut(gateway, disk):
    """fsync=always, PostgreSQL away: the disk alone knows."""
    answers = []
    rounds = 10 if LONG else 2
    nginx = Auditing(gateway, options="size=64m fsync=always",
                     spool=disk.point / "spool")
    with database_away(gateway):
        for _ in range(rounds):
            nginx.start()
            with Load(nginx, clients=16) as load:
                load.wait_for(300)
                # later answers are of no machine whose power was cut: a sync
                # under way may end well though ext4 drops what it wrote
                cut = time.monotonic()
                disk.cut_power()
                time.sleep(0.2)
                nginx.kill()
                load.ending.set()
            answers += [i for status, i, _, at in load.answered
                        if status in (200, 401) and at < cut]
            disk.unmount()
            disk.mount()
    with nginx:
        assert_recorded_once(gateway, answers, 30)
    print(f"{rounds} times, {len(answers)} answers")


# --- cost

@needs_root
@needs_strace
def test_cost(gateway):
    """Under load, with segments that are changed often, a worker's main thread
    opens, syncs, renames and removes nothing."""
    calls = ("fsync,fdatasync,openat,open,rename,renameat,renameat2,unlink,"
             "unlinkat,fallocate,mkdir,mkdirat")
    with Auditing(gateway, options="size=2m fsync=always",
                  workers=1) as nginx:
        worker = nginx.workers()[0]
        with traced(worker, calls) as log:
            with Load(nginx) as load:
                load.wait_for(2000)
            # lines of the main thread have no "[pid ...]" before others came
            lines = [line for line in tail(log).splitlines()
                     if re.search(r"\w+\(", line)]
        assert {answer[0] for answer in load.answered} <= {200, 401, 503}
        assert len([line for line in lines if "fdatasync" in line]) > 50
        own = [line for line in lines if "resumed" not in line
               and (f"[pid {worker}]" in line or not line.startswith("[pid"))]
        assert own == []

        with Load(nginx) as load:
            load.wait_for(5000)
        p50, p99 = quantiles(nginx.metrics(),
                             "nginx_leadgen_audit_append_duration_seconds")
        print(f"appending an event: p50 at most {p50 * 1e6:.1f} us, p99"
              f" {p99 * 1e6:.1f} us")
        assert p50 <= 5e-6


def quantiles(metrics, name):
    """Upper bounds of the buckets of p50 and p99."""
    buckets = sorted((float(found[1]), value)
                     for key, value in metrics.items()
                     if (found := re.fullmatch(
                         name + r'_bucket\{le="([^"]+)"\}', key)))
    total = buckets[-1][1]
    return [next(bound for bound, count in buckets if count >= share * total)
            for share in (0.5, 0.99)]
