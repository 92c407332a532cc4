"""The module loaded and none of its directives used: nginx answers and logs,
byte for byte, what it does without the module."""

import os
import re
import signal
import socket

from conftest import BUILD, wait_until
from proxy import nginx

HTTP = """
    log_format all '$remote_addr $request $status $body_bytes_sent '
                   '$http_referer $sent_http_content_type $uri $args';
    access_log logs/all.log all;
    server {
        listen 127.0.0.1:PORT;
        root html;
        underscores_in_headers on;
        location / { index index.html; }
        location /return { return 200 "$http_x_user_id $http_x_request_id"; }
        location /redirect { return 301 /elsewhere; }
        location /denied { deny all; }
        location /any { satisfy any; allow all; deny all; }
        location /page { error_page 404 = /index.html; }
        location /named { error_page 418 = @named; return 418; }
        location @named { return 200 "named"; }
        location /try { try_files /none /index.html; }
        location /ssi { ssi on; }
        location /rewrite { rewrite ^ /index.html last; }
        location /status { stub_status; }
        location /proxy/ { proxy_pass http://127.0.0.1:PORT/return/; }
        location /raw/ { proxy_pass http://127.0.0.1:PORT; }
        location /away { proxy_pass http://127.0.0.1:1; }
        location /slow { limit_rate 100; }
    }
"""

CASES = [line + b" HTTP/1.1\r\nHost: x\r\n" for line in (
    b"GET /", b"HEAD /", b"GET /index.html", b"GET /none", b"POST /index.html",
    b"GET /return", b"GET //return", b"GET /return;x", b"GET /%2e/return",
    b"GET /x/../return", b"GET /x%2f..%2freturn", b"GET /return#x",
    b"GET /re\\turn", b"GET /return%00", b"GET /../x", b"GET /%", b"GET x",
    b"FOO /return", b"OPTIONS /return", b"TRACE /", b"DELETE /index.html",
    b"GET /redirect", b"GET /denied", b"GET /any", b"GET /page/none",
    b"GET /named", b"GET /try", b"GET /ssi/page", b"GET /rewrite", b"GET /status",
    b"GET /proxy/a%2fb?c=d", b"GET /raw//return", b"GET /away", b"GET /slow")]
CASES += [
    b"GET /return HTTP/1.1\r\nHost: x\r\nX-User-Id: 1\r\nX-Request-Id: 2\r\n",
    b"GET /proxy/x HTTP/1.1\r\nHost: x\r\nX_User_Id: 1\r\nX-User-Id: 3\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=1-3\r\n",
    b"OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: https://y\r\n"
    b"Access-Control-Request-Method: GET\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n",
    b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.0\r\n", b"GET / HTTP/3.0\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n",
    b"\xff\xfe\r\n",
]


def answers(main):
    """What all cases get, in turn, and what the log has of them."""
    with nginx(HTTP, main=main) as (port, directory):
        (directory / "html/index.html").write_text("index\n")
        (directory / "html/ssi").mkdir()
        (directory / "html/ssi/page").write_text(
            '<!--# include virtual="/return" -->\n')
        for path in directory.glob("html/**/*"):
            path.chmod(0o755)
        got = []
        for case in CASES:
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                client.sendall(case + b"Connection: close\r\n\r\n")
                answer = b"".join(iter(lambda: client.recv(65536), b""))
            # what the time and the port make different
            answer = re.sub(rb"(Date|Last-Modified|ETag): [^\r]*", rb"\1", answer)
            got.append(answer.replace(b":%d" % port, b""))
        # a request that lingers is logged when its connection ends
        pid = directory / "nginx.pid"
        os.kill(int(pid.read_text()), signal.SIGQUIT)
        wait_until(lambda: not pid.exists(), 30, "end of nginx")
        return got, sorted(
            (directory / "logs/all.log").read_text().splitlines())


def test_unused():
    with_module, its_log = answers(f"load_module {BUILD}/ngx_leadgen_module.so;")
    without, log = answers(" ")
    for case, one, other in zip(CASES, with_module, without):
        assert one == other, case
    assert its_log == log and len(log) > len(CASES) - 5
