"""A Sentry that never answers costs requests nothing: with LEADGEN_LONG=1 for
five minutes, or as many seconds as LEADGEN_SILENCE says."""

import os
import socket
import threading
import time

import pytest
import test_sentry
from sentry_receiver import Receiver

from conftest import free_port, wait_until

SECONDS = int(os.environ.get("LEADGEN_SILENCE", 300))
RATE = 1000                                     # requests a second, one in a hundred fails
CONNECTIONS = 8


class Load(threading.Thread):
    """One connection's part of the rate; what is late is sent at once."""

    def __init__(self, port, seconds):
        super().__init__()
        self.count = RATE * seconds // CONNECTIONS
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.times, self.failed = [], 0

    def run(self):
        good, bad = (f"GET /api/{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for path in ("good", "bad"))
        begun = time.perf_counter()
        for n in range(self.count):
            wait = begun + n * CONNECTIONS / RATE - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            sent = time.perf_counter()
            self.socket.sendall(bad if n % 100 == 50 else good)
            answer = b""
            while not answer.endswith(b"done\n"):
                more = self.socket.recv(65536)
                assert more
                answer += more
            self.times.append(time.perf_counter() - sent)
            self.failed += answer.startswith(b"HTTP/1.1 500")
        self.took = time.perf_counter() - begun


def load(port, seconds):
    """(requests a second, 99th percentile in ms, failures)"""
    threads = [Load(port, seconds) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(one for thread in threads for one in thread.times)
    return (sum(thread.count / thread.took for thread in threads), times[len(times) * 99 // 100] * 1000,
            sum(thread.failed for thread in threads))


@pytest.mark.skipif("LEADGEN_LONG" not in os.environ and "LEADGEN_SILENCE" not in os.environ, reason="takes long")
def test_silence_costs_nothing(monkeypatch):
    upstream = free_port()
    conf = test_sentry.CONF.replace("queue=8m", "queue=1m").replace("timeout=500ms", "timeout=5s").replace(
        "location = /metrics", """location /api/ {{
            leadgen_policy {{ GET /api/** public; }}
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://up;
        }}
        location = /metrics""").replace("    server {{", """    upstream up {{ server 127.0.0.1:%d; keepalive 16; }}
    server {{
        listen 127.0.0.1:%d;
        leadgen_sentry off;
        keepalive_requests 1000000;
        location /api/good {{ return 200 "done\\n"; }}
        location /api/bad {{ return 500 "done\\n"; }}
    }}
    server {{
        keepalive_requests 1000000;""" % (upstream, upstream), 1)
    monkeypatch.setattr(test_sentry, "CONF", conf)
    with Receiver() as receiver, test_sentry.Nginx(receiver.dsn) as nginx:
        load(nginx.port, 2)
        free = load(nginx.port, SECONDS)
        wait_until(lambda: nginx.metrics()["sentry_queue_bytes"] == 0, 60, "empty queue")
        before = len(test_sentry.numbers(receiver))
        receiver.hang.set()
        silent = load(nginx.port, SECONDS)
        waiting = nginx.metrics()["sentry_queue_bytes"]
        receiver.hang.clear()
        wait_until(lambda: nginx.metrics()["sentry_queue_bytes"] == 0, 120, "what waited")
        dropped = nginx.dropped("queue_overflow")
        came = len(test_sentry.numbers(receiver)) - before
        print(f"\nfree: {free[0]:.0f} requests/s, p99 {free[1]:.2f} ms, {free[2]} failed"
              f"\nsilent: {silent[0]:.0f} requests/s, p99 {silent[1]:.2f} ms, {silent[2]} failed; {waiting:.0f} bytes waited,"
              f" {came} events came afterwards, {dropped:.0f} were dropped")
        assert silent[0] > 0.98 * free[0]
        assert silent[1] < 1.5 * free[1] + 2
        # one that was given up may have come all the same, by a request that took too long
        late = nginx.metrics()['sentry_requests_total{result="failed"}']
        assert came and 0 <= came + dropped - silent[2] <= late
        # more, where one that took too long was read all the same
        wait_until(lambda: sum(one["quantity"] for report in receiver.items("client_report")
                               for one in report["discarded_events"]) >= dropped, 60, "client reports")
        assert receiver.errors == []
