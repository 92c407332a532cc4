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


# what Relay takes of an event; of anything else it would say nothing
LEVELS = ("fatal", "error", "warning", "info", "debug")
PLATFORMS = ("c", "other", "python", "javascript", "node", "php", "ruby", "java", "csharp", "go", "native", "elixir",
             "perl")
STATUSES = ("ok", "cancelled", "invalid_argument", "deadline_exceeded", "not_found", "already_exists",
            "permission_denied", "resource_exhausted", "internal_error", "unavailable", "unauthenticated")
COMMON = {"event_id": str, "platform": str, "sdk": dict, "timestamp": float, "environment": str, "release": str,
          "server_name": str, "transaction": str, "tags": dict, "user": dict, "request": dict, "contexts": dict}
EVENT = {**COMMON, "level": str, "logger": str, "logentry": dict, "exception": dict, "breadcrumbs": dict,
         "fingerprint": list, "extra": dict}
TRANSACTION = {**COMMON, "type": str, "start_timestamp": float, "transaction_info": dict, "spans": list}
EXCEPTION = {"type": str, "value": str, "mechanism": dict, "stacktrace": dict}
FRAME = {"filename": str, "function": str, "module": str, "lineno": int, "in_app": bool}
CRUMB = {"timestamp": float, "type": str, "category": str, "message": str, "level": str, "data": dict}
TRACE = {"trace_id": str, "span_id": str, "parent_span_id": str, "op": str, "status": str}
SPAN = {**TRACE, "description": str, "start_timestamp": float, "timestamp": float}
REQUEST = {"method": str, "url": str, "headers": dict}
USER = {"id": int, "role": str, "email": str, "ip_address": str}


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


def fits(value, fields, where):
    """No field but these, each of its type."""
    for name, one in value.items():
        require(name in fields, f"{where}.{name}")
        require(type(one) is fields[name], f"{where}.{name} is {one!r}")


def traced(value, fields, where):
    fits(value, fields, where)
    require(ID.fullmatch(value["trace_id"]) and set(value["trace_id"]) != {"0"}, f"{where}.trace_id")
    for name in ("span_id", "parent_span_id"):
        require(name not in value or re.fullmatch("[0-9a-f]{16}", value[name]), f"{where}.{name}")
    require(value["status"] in STATUSES, f"{where}.status")


def check_ours(kind, item):
    """An event or a transaction of the gateway itself."""
    fits(item, EVENT if kind == "event" else TRANSACTION, kind)
    require(item["platform"] in PLATFORMS, "platform")
    require(abs(item["timestamp"] - time.time()) < 3600, "timestamp")
    require(len(item.get("transaction", "")) <= 200, "transaction")
    for name, value in item["tags"].items():
        require(re.fullmatch("[a-zA-Z0-9_.:-]{1,32}", name), f"tag {name}")
        require(len(str(value)) <= 200 and "\n" not in str(value), f"tag {name} is {value!r}")
    fits(item.get("user", {}), USER, "user")
    fits(item.get("request", {}), REQUEST, "request")
    for name, context in item["contexts"].items():
        require(isinstance(context, dict), f"context {name}")
    if "trace" in item["contexts"]:
        traced(item["contexts"]["trace"], TRACE, "trace")
    if kind == "transaction":
        require(item["type"] == kind and item["transaction_info"] == {"source": "route"}, "type")
        require(item["start_timestamp"] <= item["timestamp"], "start_timestamp")
        for span in item["spans"]:
            traced(span, SPAN, "span")
            require(span["start_timestamp"] <= span["timestamp"], "span")
        return
    require(item["level"] in LEVELS, "level")
    require("logentry" in item or "exception" in item, "neither a message nor an exception")
    fits(item.get("logentry", {}), {"formatted": str}, "logentry")
    require(all(isinstance(part, str) for part in item.get("fingerprint", [])), "fingerprint")
    for one in item.get("exception", {"values": []})["values"]:
        fits(one, EXCEPTION, "exception")
        require("type" in one and "type" in one["mechanism"], "exception")
        for frame in one.get("stacktrace", {"frames": []})["frames"]:
            fits(frame, FRAME, "frame")
    for crumb in item.get("breadcrumbs", {"values": []})["values"]:
        fits(crumb, CRUMB, "breadcrumb")
        require(crumb["level"] in LEVELS, "breadcrumb's level")


def check(header, head, item):
    if head["type"] in ("event", "transaction"):
        require(ID.fullmatch(header["event_id"]), "event_id")
        require("sent_at" in header and "sdk" in header, "header")
        require(item.get("event_id", header["event_id"]) == header["event_id"],
                "another event_id")
        if item.get("sdk", {}).get("name") == "ngx_leadgen_module":
            check_ours(head["type"], item)
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
