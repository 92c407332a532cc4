"""Where one request ends and the next one begins: what the application reads
behind the gateway is what the gateway judged, however a client frames it."""

import contextlib
import selectors
import socket
import struct
import threading

import pytest

from auditing import Auditing, assert_recorded_once
from conftest import free_port, wait_until

# within another request's body, or behind it; nobody with the right sends it
INNER = b"DELETE /api/raw/200 HTTP/1.1\r\nHost: a\r\n\r\n"
SIZE = b"%d" % len(INNER)
CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER)

RAW = """
    location /api/raw/ {{
        leadgen_policy {{
            POST   /api/raw/:id  public  audit=lead_created;
            GET    /api/raw/:id  public;
            DELETE /api/raw/:id  lead:delete;
        }}
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_request_buffering {buffering};
        proxy_pass http://recorder;
    }}
"""
HTTP = """
    upstream recorder {{ server 127.0.0.1:{recorder}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{port} http2;
        http2_max_concurrent_streams 1000;
        leadgen_audit all;
        location /api/ {{
            leadgen_policy {{ GET /api/raw/:id authenticated; }}
            proxy_pass http://recorder;
        }}
    }}
"""


class Recorder:
    """An application that keeps its connections open and notes what it reads,
    by Content-Length or chunk by chunk."""

    def __init__(self):
        self.requests = []                      # (method, target, head)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,),
                             daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(ConnectionResetError), client, \
                client.makefile("rb") as stream:
            while line := stream.readline():
                head = b""
                while (more := stream.readline()) not in (b"\r\n", b""):
                    head += more
                self.requests.append((*line.split()[:2], head))
                fields = dict(field.lower().split(b": ", 1)
                              for field in head.splitlines())
                if b"transfer-encoding" in fields:
                    while (size := int(stream.readline(), 16)):
                        stream.read(size + 2)
                    stream.readline()
                else:
                    stream.read(int(fields.get(b"content-length", 0)))
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def head(*fields, method=b"POST", version=b"HTTP/1.1"):
    return b"\r\n".join([method + b" /api/raw/100 " + version, b"Host: a",
                         *fields, b"", b""])


CHUNKED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: " + SIZE
NONE = b"Content-Length: 0"
FRAMES = {
    "behind it": head(NONE) + INNER,
    "in its body": head(LENGTH) + INNER,
    "in a chunk": head(CHUNKED) + CHUNK,
    "length, then chunked": head(LENGTH, CHUNKED) + b"0\r\n\r\n" + INNER,
    "chunked, then length": head(CHUNKED, NONE) + CHUNK,
    "two lengths": head(NONE, LENGTH) + INNER,
    "two equal lengths": head(LENGTH, LENGTH) + INNER,
    "list of lengths": head(b"Content-Length: 0, " + SIZE) + INNER,
    "signed length": head(b"Content-Length: +" + SIZE) + INNER,
    "negative length": head(b"Content-Length: -1") + INNER,
    "hexadecimal length": head(b"Content-Length: 0x0") + INNER,
    "giant length": head(b"Content-Length: 18446744073709551616") + INNER,
    "empty length": head(b"Content-Length: ") + INNER,
    "space before colon": head(b"Content-Length : " + SIZE, NONE) + INNER,
    "chunked with a space": head(b"Transfer-Encoding : chunked", NONE) + CHUNK,
    "chunked with a tab": head(b"Transfer-Encoding:\tchunked") + CHUNK,
    "chunked in capitals": head(b"Transfer-Encoding: CHUNKED") + CHUNK,
    "chunked twice": head(CHUNKED, CHUNKED) + CHUNK,
    "chunked and another": head(b"Transfer-Encoding: chunked, gzip") + CHUNK,
    "another": head(b"Transfer-Encoding: identity", LENGTH) + INNER,
    "nearly chunked": head(b"Transfer-Encoding: xchunked", NONE) + CHUNK,
    "underscores": head(b"Transfer_Encoding: chunked", NONE) + CHUNK,
    "underscored length": head(b"Content_Length: " + SIZE, NONE) + INNER,
    "folded": head(b"X-Fold: a\r\n Transfer-Encoding: chunked", NONE) + CHUNK,
    "a NUL": head(b"X: a\0b", LENGTH) + INNER,
    "a CR alone": head(b"X: a\rTransfer-Encoding: chunked", NONE) + CHUNK,
    "LF alone": head(LENGTH).replace(b"\r\n", b"\n") + INNER,
    "spaces in the line": head(NONE).replace(b"100", b"100 /api/raw/200") + INNER,
    "chunked in 1.0": head(CHUNKED, version=b"HTTP/1.0") + CHUNK,
    "body of a GET": head(LENGTH, method=b"GET") + INNER,
    "no length": head() + INNER,
    "giant chunk": head(CHUNKED) + b"FFFFFFFFFFFFFFFFF\r\n" + INNER,
    "chunk of 0x": head(CHUNKED) + b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER),
    "chunk with an extension": head(CHUNKED) + b"0;a=\"\r\n\r\n\"\r\n\r\n" + INNER,
    "chunk with LF": head(CHUNKED) + b"0\n\n" + INNER,
    "trailers": head(CHUNKED) + b"0\r\nContent-Length: 99\r\n\r\n" + INNER,
    "h2c": head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
                b"HTTP2-Settings: AAMAAABkAAQAAP__", NONE) + INNER,
    "length named by Connection": head(b"Connection: Content-Length", LENGTH) + INNER,
}


@pytest.fixture(scope="module")
def recorder():
    own = Recorder()
    yield own
    own.socket.close()


@pytest.fixture(scope="module", params=["on", "off"])
def nginx(request, gateway, recorder):
    port = free_port()
    with Auditing(gateway, server=RAW.format(buffering=request.param),
                  http=HTTP.format(recorder=recorder.port, port=port)) as own:
        own.http2 = port
        yield own


def at_once(nginx, frames):
    """What each is answered until all are, or wait for more."""
    answers = [b""] * len(frames)
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        for n, data in enumerate(frames):
            client = stack.enter_context(
                socket.create_connection(("127.0.0.1", nginx.port), 20))
            client.sendall(data)
            selector.register(client, selectors.EVENT_READ, n)
        while ready := selector.select(0.5):
            for key, _ in ready:
                try:
                    data = key.fileobj.recv(65536)
                except ConnectionResetError:
                    data = b""
                answers[key.data] += data
                if not data:
                    selector.unregister(key.fileobj)
    return answers


def test_nothing_is_smuggled(nginx, recorder):
    """Three times, so that connections that nginx keeps to the application
    would carry on what was left on them."""
    for _ in range(3):
        begin = len(recorder.requests)
        answers = at_once(nginx, [
            frame.replace(b"raw/1", b"raw/%d" % (n + 10))
            for n, frame in enumerate(FRAMES.values())])
        got = recorder.requests[begin:]
        assert len(got) > 5
        for method, target, fields in got:
            assert method in (b"GET", b"POST"), (target, got)
            assert b"upgrade:" not in fields.lower()
        targets = [target for _, target, _ in got]
        assert len(set(targets)) == len(targets)
        for name, answer in zip(FRAMES, answers):
            assert answer.startswith(b"HTTP/1.1 "), (name, answer)
            if "length" in name and b"HTTP/1.1 200" in answer:
                assert name in ("in its body", "no length", "underscored length",
                                "length named by Connection"), name


def test_the_recorder_would_see_it(recorder):
    with socket.create_connection(("127.0.0.1", recorder.port)) as client:
        client.sendall(FRAMES["behind it"])
        wait_until(lambda: recorder.requests[-1][0] == b"DELETE", 10, "requests")


def frame(kind, flags, stream, payload=b""):
    return (struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
            + struct.pack(">I", stream) + payload)


def test_a_storm_of_resets(gateway, nginx):
    """Each request is taken back at once: each has its record, no worker ends,
    and who asks next is answered."""
    def literal(name, value):
        """RFC 7541, 6.2.2, with a name of the static table"""
        rest, size = len(value) - 127, b"\x7f"
        if rest < 0:
            size = bytes([len(value)])
        else:
            while rest >= 128:
                size, rest = size + bytes([rest % 128 + 128]), rest // 128
            size += bytes([rest])
        return (bytes([name]) if name < 15 else bytes([15, name - 15])) + size + value

    token = nginx.token("user").encode()
    block = (b"\x82\x86" + literal(4, b"/api/raw/storm") + literal(1, b"a")
             + literal(23, b"Bearer " + token))
    workers = nginx.workers()
    before = len(nginx.logged())
    count = 3000
    clients = []
    try:
        for _ in range(10):
            client = socket.create_connection(("127.0.0.1", nginx.http2), 20)
            clients.append(client)
            storm = b"".join(
                frame(1, 5, stream, block) + frame(3, 0, stream, b"\0\0\0\x08")
                for stream in range(1, 2 * count // 10, 2))
            try:
                client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                               + frame(4, 0, 0) + storm)
            except OSError:
                pass                            # nginx has had enough
        assert nginx.request("GET", "/api/open/1", role="user")[0] == 200
        wait_until(lambda: len(nginx.logged()) - before > count, 30, "requests")
    finally:
        for client in clients:
            client.close()

    assert nginx.workers() == workers
    ids = [request_id for request_id, status in nginx.logged()[before:]
           if status == "499"]
    assert len(ids) >= count
    assert_recorded_once(gateway, ids)
