"""Metrics: what is counted is what clients sent, over all workers, a reload and
a killed worker; Prometheus' own checker takes the text."""

import collections
import http.client
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from auditing import Auditing, assert_recorded_once
from conftest import ROOT, wait_until
from test_health import stopped

LONG = os.environ.get("LEADGEN_LONG") == "1"
SCRAPES = 1000 if LONG else 150

KINDS = {       # decision: (path, role, status)
    "allowed": ("/api/profile", "user", 200),
    "public": ("/api/public/status", None, 200),
    "denied": ("/api/leads/export", "user", 403),
    "unauthenticated": ("/api/campaigns", None, 401),
}

promtool = pytest.mark.skipif(not shutil.which("promtool"),
                              reason="prometheus is not installed")


def scrape(gateway, connection=None):
    """{ name{labels}: value }"""
    answer = gateway.request("GET", "/metrics", connection=connection)
    assert answer.status == 200
    return {sample: float(value) for sample, value in re.findall(
        r"^(nginx_leadgen_\S+) ([0-9.]+)$", answer.body.decode(), re.M)}


def decisions(metrics):
    return {kind: metrics[f'nginx_leadgen_decisions_total{{decision="{kind}"}}']
            for kind in KINDS}


def responses(metrics):
    return sum(value for sample, value in metrics.items()
               if sample.startswith("nginx_leadgen_responses_total{"))


@pytest.fixture(scope="module", autouse=True)
def later(gateway):
    """A job for tomorrow, that waits while the other tests run, and when it was
    asked for."""
    answer = gateway.request("POST", "/api/jobs", "admin", body={
        "task": "calculate_daily_metrics", "kwargs": {}, "countdown": 86400})
    assert answer.status == 202
    yield time.time()
    gateway.request("DELETE", answer.headers["Location"], "admin")


class Load:
    """Clients that ask in turn for each kind; what they sent and what came
    back is counted."""

    def __init__(self, gateway, clients=4):
        self.gateway = gateway
        self.sent = collections.Counter()
        self.answered = collections.Counter()
        self.lock = threading.Lock()
        self.ending = threading.Event()
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
        kinds = list(KINDS)
        while not self.ending.is_set():
            number += 1
            kind = kinds[number % len(kinds)]
            path, role, status = KINDS[kind]
            with self.lock:
                self.sent[kind] += 1
            try:
                connection = connection or self.gateway.connect()
                answer = self.gateway.request("GET", path, role,
                                              connection=connection)
                assert answer.status == status, (path, answer.status)
                with self.lock:
                    self.answered[kind] += 1
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = None


@promtool
def test_prometheus_takes_it(gateway):
    text = gateway.request("GET", "/metrics").body
    checked = subprocess.run(["promtool", "check", "metrics"], input=text,
                             capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stderr == b"", checked.stderr


def test_rules_name_what_is_there(gateway):
    """Rules and dashboard ask for no metric that there is not."""
    there = {re.sub(r"_(bucket|sum|count)$", "", sample.partition("{")[0])
             for sample in scrape(gateway)}
    for path in (ROOT / "conf/prometheus").iterdir():
        if path.suffix in (".yml", ".json") and "test" not in path.name:
            for name in set(re.findall(r"nginx_leadgen_\w+", path.read_text())):
                base = re.sub(r"_(bucket|sum|count)$", "", name)
                assert base in there, f"{path.name}: {name}"


@promtool
def test_rules(gateway):
    del gateway
    folder = ROOT / "conf/prometheus"
    for words in (["check", "rules", "rules.yml"],
                  ["check", "config", "--syntax-only", "prometheus.yml"],
                  ["test", "rules", "rules.test.yml"]):
        done = subprocess.run(["promtool", *words], cwd=folder, check=False,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_counters_add_up(gateway):
    """While it is scraped: exactly over workers and a reload, and over a killed
    worker as far as anybody can know, and never backwards."""
    connection = gateway.connect()
    gateway.token("user")       # to log in is a decision, too
    started = scrape(gateway, connection)
    before = decisions(started)
    last = before
    scrapes = 0

    def scrape_once():
        nonlocal last, scrapes, connection
        try:
            found = scrape(gateway, connection)
        except (OSError, http.client.HTTPException):
            connection = gateway.connect()
            return
        now = decisions(found)
        assert all(now[kind] >= last[kind] for kind in KINDS), (last, now)
        last = now
        scrapes += 1

    begin = time.monotonic()
    with Load(gateway) as load:
        while scrapes < SCRAPES // 2 or sum(load.answered.values()) < 100:
            scrape_once()
            if scrapes == SCRAPES // 4:
                gateway.reload()
    first = load.answered

    # a connection that a reload closed before it was asked anything is lost,
    # and not counted; all else is
    after = decisions(scrape(gateway))
    # what an answer was is counted after it
    wait_until(lambda: responses(scrape(gateway)) - responses(started)
               >= sum(first.values()), 10, "as many answers")
    assert (responses(scrape(gateway)) - responses(started)
            <= sum(load.sent.values()))
    for kind in KINDS:
        assert first[kind] <= after[kind] - before[kind] <= load.sent[kind]
    assert sum((load.sent - load.answered).values()) <= 3 * len(load.threads)

    before = after
    with Load(gateway) as load:
        while scrapes < SCRAPES:
            scrape_once()
            if scrapes == SCRAPES * 3 // 4:
                victim = gateway.workers()[0]
                os.kill(victim, signal.SIGKILL)
                wait_until(lambda: victim not in gateway.workers()
                           and gateway.workers(), 10, "a new worker")
                scrapes += 1
    after = decisions(scrape(gateway))
    for kind in KINDS:
        assert (load.answered[kind] <= after[kind] - before[kind]
                <= load.sent[kind])
    lost = sum((load.sent - load.answered).values())
    assert lost <= 3 * len(load.threads)
    print(f"{scrapes} scrapes, {sum(first.values())} and"
          f" {sum(load.answered.values())} requests in"
          f" {time.monotonic() - begin:.1f} s, {lost} cut off by the kill")


def test_histograms_count_each_request(gateway):
    name = "nginx_leadgen_{}_duration_seconds"
    connection = gateway.connect()
    before = scrape(gateway)
    for _ in range(64):
        assert gateway.request("GET", "/api/profile", "user",
                               connection=connection).status == 200
    after = scrape(gateway)
    connection.close()
    for unit in ("policy", "authentication"):
        count = name.format(unit) + "_count"
        bucket = name.format(unit) + '_bucket{le="+Inf"}'
        # one that is measured stands for up to 15 before it, in one worker
        assert abs(after[count] - before[count] - 64) <= 15
        assert after[bucket] == after[count]
        total = name.format(unit) + "_sum"
        assert 0 < after[total] - before[total] < 1


def test_backends_and_workers(gateway):
    wait_until(lambda: scrape(gateway)[
        'nginx_leadgen_backend_connections{backend="database",state="up"}'] > 0,
        10, "a connection")
    metrics = scrape(gateway)
    workers = len(gateway.workers())
    assert metrics["nginx_leadgen_ready"] == 1
    assert metrics['nginx_leadgen_service_up{service="database"}'] == 1
    wait_until(lambda: sum("resident_memory_bytes{" in sample for sample in
                           scrape(gateway)) == workers, 10, "all workers")
    memory = [value for sample, value in scrape(gateway).items()
              if "resident_memory_bytes" in sample]
    assert all(1e6 < value < 1e9 for value in memory)


def test_while_postgres_hangs(gateway):
    """What waits for it is seen, and that calls to it are refused."""
    oldest = "nginx_leadgen_spool_oldest_seconds"
    breaker = 'nginx_leadgen_backend_breakers_open{backend="health_database"}'

    with Auditing(gateway, workers=1,
                  http="leadgen_health_interval 200ms timeout=200ms;",
                  server="location /health { leadgen_health; }") as nginx:

        def value(name):
            return nginx.metrics().get(name, 0)

        wait_until(lambda: value(
            'nginx_leadgen_service_up{service="database"}') == 1, 30,
            "a connection")
        assert (value(oldest), value(breaker)) == (0, 0)
        with stopped(gateway, "postgres"):
            status, request_id, _ = nginx.request("POST", "/api/strict/1")
            assert status == 200
            wait_until(lambda: value(oldest) > 1, 30, "an event that waits")
            wait_until(lambda: value(breaker) == 1, 30, "open breaker")
        wait_until(lambda: value(oldest) == 0, 30, "empty spool")
        wait_until(lambda: value(breaker) == 0, 30, "closed breaker")
        assert_recorded_once(gateway, [request_id])


def test_stats(gateway):
    before = gateway.request("GET", "/api/admin/stats", "admin")
    assert before.status == 200
    assert gateway.request("GET", "/api/admin/stats", "user").status == 403
    after = gateway.request("GET", "/api/admin/stats", "admin").json
    before = before.json
    assert set(after) == {"users", "jobs", "requests", "denials", "errors", "events",
                          "uptime_seconds"}
    assert after["users"]["total"] == after["users"]["active"] \
        + after["users"]["inactive"] >= 3
    assert after["users"]["by_role"]["admin"]["active"] >= 1
    assert after["denials"] == before["denials"] + 1
    assert after["requests"]["total"] == before["requests"]["total"] + 2
    assert 0 <= before["uptime_seconds"] <= after["uptime_seconds"]


def test_jobs_are_counted(gateway, later):
    """As PostgreSQL has them, for each of its queues and states."""
    wait_until(lambda: scrape(gateway)[
        "nginx_leadgen_jobs_counted_timestamp_seconds"] > later + 1, 30,
        "new figures")
    metrics = scrape(gateway)
    name = "nginx_leadgen_jobs{{queue=\"{}\",state=\"{}\"}}"
    assert metrics[name.format("analytics", "pending")] >= 1
    rows = gateway.sql("select queue, state from api.job_figures()")
    assert {name.format(*row) for row in rows} == {
        sample for sample in metrics if sample.startswith("nginx_leadgen_jobs{")}
    waited = "nginx_leadgen_jobs_waited_seconds{queue=\"analytics\",state=\"pending\"}"
    assert 0 <= metrics[waited] < 86400
