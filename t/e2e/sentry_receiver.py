"""A Sentry of a test's own: reads envelopes, and the plain events of old
clients, strictly, and answers as it is told."""

import gzip
import http.server
import json
import re
import threading
import time
import zlib

ID = re.compile(r"[0-9a-f]{32}")
TYPES = ("event", "transaction", "sessions", "client_report")
AUTH = re.compile(r"Sentry [a-z_]+=[^,]+(, ?[a-z_]+=[^,]+)*")


class Malformed(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Malformed(what)


def parse(data):
    """(header, [(item header, item)]) of an envelope."""
    line, newline, rest = data.partition(b"\n")
    require(newline, "no line end behind the header")
    header = json.loads(line)
    items = []
    while rest:
        line, newline, rest = rest.partition(b"\n")
        require(newline, "no line end behind an item's header")
        head = json.loads(line)
        require(head["type"] in TYPES, f"type {head['type']}")
        require(isinstance(head["length"], int), "no length")
        require(rest[head["length"]:head["length"] + 1] == b"\n", "length")
        item = json.loads(rest[:head["length"]])
        rest = rest[head["length"] + 1:]
        check(header, head, item)
        items.append((head, item))
    require(items, "no items")
    return header, items


def check(header, head, item):
    if head["type"] in ("event", "transaction"):
        require(ID.fullmatch(header["event_id"]), "event_id")
        require("sent_at" in header and "sdk" in header, "header")
        require(item.get("event_id", header["event_id"]) == header["event_id"],
                "another event_id")
    if head["type"] == "client_report":
        for one in item["discarded_events"]:
            require(one["quantity"] > 0 and one["reason"] and one["category"],
                    "a drop")


class Receiver(http.server.ThreadingHTTPServer):
    """answer: (status, headers) of the next requests, or a function of the
    envelope's items that returns them; hang: none comes."""

    daemon_threads = True

    def __init__(self, port=0):
        self.envelopes = []
        self.errors = []
        self.requests = []                      # (port, authorisation)
        self.answer = (200, {})
        self.hang = threading.Event()
        self.ending = threading.Event()
        super().__init__(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.serve_forever,
                                       kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.shutdown()
        self.server_close()
        self.thread.join()

    @property
    def dsn(self):
        return f"http://swordfish:hunter2@127.0.0.1:{self.server_port}/7"

    def items(self, kind):
        return [item for _, items in list(self.envelopes)
                for head, item in items if head["type"] == kind]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.requests.append((self.client_address[1],
                                self.headers.get("X-Sentry-Auth", "")))
        while server.hang.is_set() and not server.ending.is_set():
            time.sleep(0.02)
        status, headers = self.take(body)
        text = json.dumps({"status": status}).encode()
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            pass                                # who asked has gone

    def take(self, body):
        server = self.server
        try:
            require(AUTH.fullmatch(self.headers["X-Sentry-Auth"]), "auth")
            encoding = self.headers.get("Content-Encoding", "")
            if encoding == "gzip":
                body = gzip.decompress(body)
            elif encoding == "deflate":
                body = zlib.decompress(body)
            if self.path == "/api/7/store/":
                event = json.loads(body)
                envelope = (event, [({"type": "event"}, event)])
            else:
                require(self.path == "/api/7/envelope/", self.path)
                require(self.headers["Content-Type"]
                        == "application/x-sentry-envelope", "type")
                envelope = parse(body)
        except (Malformed, ValueError, KeyError, TypeError, OSError) as error:
            server.errors.append(repr(error))
            return 400, {}
        answer = server.answer
        if callable(answer):
            answer = answer(envelope[1])
        if answer[0] == 200:
            server.envelopes.append(envelope)
        return answer

    def log_message(self, *_):
        pass
