#!/usr/bin/python3
"""How the gateway's cost grows: measures it beside a bare proxy by workers,
connections, size of token and share of audited requests, and writes SCALING.md
and its chart.

scaling.py BUILD [SECONDS]
"""

import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys

import chart
import gateway

from contestants import AUDITED
from gateway import BARE, GUARDED, ROOT, Server

ROUNDS = 5
SHARES = (0, 25, 50, 75, 100)
TOKENS = (300, 1000, 2000, 4000, 6000)
CONNECTIONS = (1, 10, 100, 1000, 10000)
WORKERS = (1, 2)
# streams at once on each connection
PROTOCOLS = {"HTTP/1.1": ("--h1",), "HTTP/2": ("-m1",),
             "HTTP/2, 10 streams": ("-m10",)}

# every request one of two locations, by its turn
MIXED = GUARDED[:GUARDED.index("        location")] + "".join(f"""
        location /api/{name}/ {{{{
            leadgen_audit {audit};
            leadgen_policy {{{{ GET /api/{name}/:id campaign:read; }}}}"""
            + gateway.PROXY + "        }}" for name, audit in (
                ("audited", "all"), ("plain", "routes"))) + "\n    }}\n"
SCRIPT = """
local n = 0
request = function()
    n = n + 1
    return wrk.format("GET", n %% 100 < %d and "/api/audited/1"
                             or "/api/plain/1")
end
"""


def sized(size):
    """A token of so many bytes, or as small as they are."""
    more = max(0, (size - len(gateway.token())) * 3 // 4)
    return gateway.token(more)


def load(server, seconds, connections=32, token=gateway.TOKEN, script=None):
    """Microseconds of CPU for a request."""
    # thousands have to be made before they are used
    seconds += connections // 2000
    before = server.cpu()
    # of 10,000 connections at once the upstream's queue may be full for some
    requests, _ = gateway.wrk(
        server.port, seconds, script=script, connections=connections,
        token=token, tolerated=0.001)
    return (server.cpu() - before) * 1e6 / requests


def h2load(server, seconds, options):
    """Microseconds of CPU for a request of h2load, by HTTP/2 unless its
    options say otherwise."""
    before = server.cpu()
    output = subprocess.run(
        ["h2load", "-c32", f"-D{seconds}", *options,
         "-H", f"authorization: Bearer {gateway.TOKEN}",
         f"http://127.0.0.1:{server.port}{gateway.PATH}"],
        capture_output=True, text=True, check=True).stdout
    requests, failed = map(int, re.search(
        r"(\d+) succeeded, (\d+) failed", output).groups())
    if failed or "2xx, 0 3xx, 0 4xx, 0 5xx" not in output:
        sys.exit(f"bench: {output}")
    return (server.cpu() - before) * 1e6 / requests


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    root = build / "scaling"
    root.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (gateway.FILES, gateway.FILES))

    gateway.install("nghttp2-client")
    ours = [build / "ngx_leadgen_module.so"]
    servers, points = {}, []
    upstream = Server(root, "upstream", gateway.UPSTREAM, connections=25000)
    words = {"upstream": upstream.port, "connections": 25000,
             "database": os.environ.get("DATABASE_URL",
                                        f"host={root} dbname=nobody-listens")}
    try:
        for workers in WORKERS:
            servers["bare", workers] = Server(
                root, f"bare {workers}", BARE, workers=workers, **words)
            servers["audited", workers] = Server(
                root, f"audited {workers}", AUDITED, ours, workers=workers,
                **words)
        for what, http, modules in (("bare", BARE, ()),
                                    ("audited", AUDITED, ours)):
            servers[what, "h2"] = Server(
                root, f"{what} h2", http.replace("{port};", "{port} http2;"),
                modules, **words)
        mixed = Server(root, "mixed", MIXED, ours, **words)
        servers["mixed", 1] = mixed

        for what in ("bare", "audited"):
            points += [("Workers", f"{n}", what, load, servers[what, n], {})
                       for n in WORKERS]
            points += [("Connections", f"{n}", what, load, servers[what, 1],
                        {"connections": n}) for n in CONNECTIONS]
            points += [("Protocol", name, what, h2load,
                        servers[what, 1 if name == "HTTP/1.1" else "h2"],
                        {"options": options})
                       for name, options in PROTOCOLS.items()]
            points += [("Bytes of token", f"{n}", what, load,
                        servers[what, 1], {"token": sized(n)}) for n in TOKENS]
        for share in SHARES:
            script = root / f"share-{share}.lua"
            script.write_text(SCRIPT % share)
            points.append(("Of 100 requests audited", f"{share}", "guarded",
                           load, mixed, {"script": script}))

        costs = {}
        for _ in range(ROUNDS):
            for point in random.sample(points, len(points)):
                costs.setdefault(point[:3], []).append(
                    point[3](point[4], seconds, **point[5]))
    finally:
        for server in [*servers.values(), upstream]:
            server.stop()
        shutil.rmtree(root, ignore_errors=True)

    charts = {}
    for panel, row, what, *_ in points:
        charts.setdefault(panel, {}).setdefault(row, {})[what] = min(
            costs[panel, row, what])
    (ROOT / "bench/scaling.svg").write_text(chart.panels(
        "Microseconds of CPU for a request", charts))
    lines = ["# What each costs", "", "Written by `bench/scaling.py`: "
             "microseconds of the gateway's CPU for a request, the least of "
             f"{ROUNDS} rounds", f"of {seconds} s in random order; one worker "
             "and 32 connections unless said.", ""]
    for panel, rows in charts.items():
        series = list(next(iter(rows.values())))
        lines += [f"| {panel} | {' | '.join(series)} |",
                  "| ---: |" + " ---: |" * len(series),
                  *[f"| {row} | " + " | ".join(
                      f"{value:.1f}" for value in values.values()) + " |"
                    for row, values in rows.items()], ""]
    lines += ["![Microseconds of CPU for a request](scaling.svg)", ""]
    (ROOT / "bench/SCALING.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
