"""What goes to Sentry, read by a receiver that others wrote: Spotlight, which
answers 200 to anything, but passes on only what it could read."""

import contextlib
import http.server
import json
import os
import subprocess
import threading
import urllib.error
import urllib.request

import requests
import test_sentry
from test_sentry_capture import token

from conftest import ROOT, free_port, wait_until

HERE = ROOT / "t/e2e/spotlight"


@contextlib.contextmanager
def spotlight(log):
    """Yields its address, and a stream of what it read."""
    port = free_port()
    process = subprocess.Popen(
        ["node", "--import", "./loopback.js", "node_modules/@spotlightjs/spotlight/dist/run.js",
         "server", "--port", str(port)],
        cwd=HERE, env={"PATH": os.environ["PATH"], "HOME": str(log.parent)},
        stdout=log.open("w"), stderr=subprocess.STDOUT)

    address = f"http://127.0.0.1:{port}"
    streams = []

    def answers():
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(requests.ConnectionError):
            streams.append(requests.get(f"{address}/stream", stream=True, timeout=60))
        return streams

    try:
        wait_until(answers, 60, "Spotlight")
        yield address, streams[0]
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def refusing_once(address):
    """Yields the port of what passes all on as it is, but for the first."""
    refused = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if refused:
                status = requests.post(address + self.path, data=body, headers=dict(self.headers), timeout=60).status_code
            else:
                refused.append(body)
                status = 413
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def items(stream):
    """Each (type, item), as it comes."""
    for line in stream.iter_lines(chunk_size=1):
        if line.startswith(b"data: "):
            _, read = json.loads(line.removeprefix(b"data: "))
            for head, item in read:
                yield head["type"], item


def test_others_can_read_it(monkeypatch, tmp_path):
    conf = test_sentry.CONF.replace("queue=8m level=off;", "queue=8m traces_sample_rate=1;").replace(
        "location = /metrics", """location /api/ {{
            leadgen_policy {{ GET /api/things/:id lead:read; }}
            proxy_pass http://127.0.0.1:%d;
        }}
        location = /metrics""" % free_port())
    monkeypatch.setattr(test_sentry, "CONF", conf)
    with spotlight(tmp_path / "log") as (address, stream), refusing_once(address) as port:
        with test_sentry.Nginx(f"http://key@127.0.0.1:{port}/1", [test_sentry.item(1)]) as nginx:
            wait_until(lambda: nginx.dropped("send_error") == 1, 30, "refusal")
            request = urllib.request.Request(f"http://127.0.0.1:{nginx.port}/api/things/5",
                                             headers={"Authorization": f"Bearer {token()}"})
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(request, timeout=30)
            found = {}
            for kind, item in items(stream):
                if kind == "client_report" or item.get("transaction") == "GET /api/things/:id":
                    found[kind] = item
                if found.keys() == {"client_report", "event", "transaction"}:
                    break

    assert found["client_report"]["discarded_events"] == [
        {"reason": "send_error", "category": "error", "quantity": 1}]
    event, transaction = found["event"], found["transaction"]
    assert event["exception"]["values"][0]["type"] == "UpstreamError"
    assert {"auth", "decision", "upstream"} <= {crumb["category"] for crumb in event["breadcrumbs"]["values"]}
    assert {"auth", "policy", "http.client"} <= {span["op"] for span in transaction["spans"]}
    assert event["contexts"]["trace"]["trace_id"] == transaction["contexts"]["trace"]["trace_id"]
