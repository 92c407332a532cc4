"""An nginx with this module and nothing else, and clients that send bytes as
they are: no library tidies up a path."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time

import jwt

from conftest import BUILD, free_port, wait_until

KEY = "4b1d0c8a6f2e9537b8d4a1c6e07f3952d6a8b4c0917e5f23ac60d98e1b745f3c"


def token(role="user", lifetime=900, **claims):
    now = int(time.time())
    return jwt.encode({"iss": "leadgen", "sub": "7", "email": "x@example.com",
                       "role": role, "sid":
                       "01890000-0000-7000-8000-000000000001",
                       "jti": "01890000-0000-7000-8000-000000000002",
                       "iat": now, "exp": now + lifetime, **claims},
                      KEY, "HS256")


@contextlib.contextmanager
def nginx(http, key=None, main=""):
    """Runs nginx on http, in which PORT stands for the port that is given, KEY
    for a key file and DIR for a directory; yields (port, directory)."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="leadgen-"))
    port = free_port()
    for name in ("logs", "temp", "html"):
        (directory / name).mkdir()
    (directory / "jwt.key").touch(0o600)
    (directory / "jwt.key").write_text(key or KEY)
    http = (http.replace("PORT", str(port)).replace("DIR", str(directory))
            .replace("KEY", f"{directory}/jwt.key"))
    temp = "".join(f"{name}_temp_path temp/{name};" for name in
                   ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (directory / "nginx.conf").write_text(
        f"{main or f'load_module {BUILD}/ngx_leadgen_module.so;'}\n"
        f"daemon off; worker_processes 1; pid nginx.pid; events {{}}\n"
        f"error_log logs/error.log notice;\n"
        f"http {{ {temp} access_log logs/access.log;\n{http} }}\n")
    if os.getuid() == 0:
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, "www-data", "www-data")
    directory.chmod(0o755)
    process = subprocess.Popen(
        ["/usr/sbin/nginx", "-p", f"{directory}/", "-c", "nginx.conf",
         "-e", "logs/error.log", "-g", "user www-data;"])

    def listens():
        assert process.poll() is None, (directory / "logs/error.log").read_text()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            # with a database no token counts before
            return ("leadgen_database" not in http or "all are known"
                    in (directory / "logs/error.log").read_text())
        return False

    try:
        wait_until(listens, 10, "nginx")
        yield port, directory
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def upstream(serve):
    """A server on a port of its own, which is yielded; serve(file, socket) has
    one connection."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                serve(self.rfile, self.connection)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True,
                         args=(0.05,)).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def read_head(file):
    """The lines of a request or an answer up to the empty one."""
    lines = []
    while True:
        line = file.readline()
        if line in (b"\r\n", b"\n", b""):
            return lines
        lines.append(line.rstrip(b"\r\n"))


def echo(file, connection):
    """Answers each request with its own request line."""
    while True:
        head = read_head(file)
        if not head:
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                           % (len(head[0]), head[0]))


class Http1:
    """Requests over one connection, opened anew when the server closes it."""

    def __init__(self, port):
        self.port = port
        self.socket = None

    def get(self, target, authorization=None, method=b"GET"):
        """(status, body)"""
        for _ in range(2):
            if self.socket is None:
                self.socket = socket.create_connection(
                    ("127.0.0.1", self.port), 5)
                self.file = self.socket.makefile("rb")
            request = method + b" " + target + b" HTTP/1.1\r\nHost: x\r\n"
            if authorization:
                request += b"Authorization: Bearer %s\r\n" % authorization
            try:
                self.socket.sendall(request + b"\r\n")
                head = read_head(self.file)
            except OSError:
                head = []
            if head:
                break
            self.close()
        assert head, target
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(b":") for line in head[1:])}
        body = b""
        if fields.get(b"transfer-encoding") == b"chunked":
            while size := int(self.file.readline(), 16):
                body += self.file.read(size)
                self.file.readline()
            self.file.readline()
        else:
            body = self.file.read(int(fields.get(b"content-length", 0)))
        if fields.get(b"connection") == b"close":
            self.close()
        return int(head[0].split()[1]), body

    def close(self):
        if self.socket:
            self.file.close()
            self.socket.close()
        self.socket = None


class Http2:
    """HTTP/2 over cleartext (RFC 9113), as little as it takes: literal fields
    without Huffman codes; of an answer's fields the first, its status."""

    STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}

    def __init__(self, port):
        self.port = port
        self.socket = None

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), 5)
        self.file = self.socket.makefile("rb")
        # a window that no test fills
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                            + self.frame(4, 0, 0, b"\0\4\x7f\xff\xff\xff")
                            + self.frame(8, 0, 0, b"\x7f\0\0\0"))
        self.stream = -1

    @staticmethod
    def frame(kind, flags, stream, payload):
        return (len(payload).to_bytes(3, "big") + bytes((kind, flags))
                + stream.to_bytes(4, "big") + payload)

    @staticmethod
    def text(value):
        length = len(value)
        if length < 127:
            return bytes((length,)) + value
        length -= 127
        out = b"\x7f"
        while length >= 128:
            out += bytes((length % 128 + 128,))
            length //= 128
        return out + bytes((length,)) + value

    def send(self, target, authorization=None, method=b"GET"):
        """Sends a request on a stream of its own, self.stream."""
        if self.socket is None or self.stream > 1500:
            self.close()
            self.connect()
        self.stream += 2
        fields = [(b":method", method), (b":scheme", b"http"),
                  (b":path", target), (b":authority", b"x")]
        if authorization:
            fields.append((b"authorization", b"Bearer " + authorization))
        block = b"".join(b"\0" + self.text(name) + self.text(value)
                         for name, value in fields)
        self.socket.sendall(self.frame(1, 5, self.stream, block))

    def get(self, target, authorization=None, method=b"GET"):
        """(status, body); the status is 0 when the stream was reset."""
        self.send(target, authorization, method)
        status, body = 0, b""
        while True:
            head = self.file.read(9)
            assert len(head) == 9, target
            payload = self.file.read(int.from_bytes(head[:3], "big"))
            kind, flags = head[3], head[4]
            if kind == 4 and not flags & 1:
                self.socket.sendall(self.frame(4, 1, 0, b""))
            elif kind == 7:
                self.close()
                return 0, b""
            if int.from_bytes(head[5:], "big") != self.stream:
                continue
            if kind == 1:
                first = payload[0]
                # nginx may begin with a change of the table's size
                if first & 0xe0 == 0x20:
                    payload, first = payload[1:], payload[1]
                status = (self.STATUS[first & 0x7f] if first & 0x80
                          else int(payload[2:5]))
            elif kind == 0:
                body += payload
            elif kind == 3:
                return 0, b""
            if kind in (0, 1) and flags & 1:
                return status, body

    def close(self):
        if self.socket:
            self.file.close()
            self.socket.close()
        self.socket = None
