#!/usr/bin/python3
"""How fast jobs are accepted and brought to Redis: an nginx with one worker, a
PostgreSQL and a Redis of the benchmark's own go in, jobs/s come out.

jobs.py MODULE [JOBS]    the module that was built; 10,000 jobs unless said
"""

import json
import pathlib
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import gateway

from database import migrated

CONNECTIONS = 32
HTTP = """
    leadgen_zone leadgen:8m;
    leadgen_jwt_key file:{directory}/jwt.key alg=HS256 kid=bench max_age=1d;
    leadgen_spool {directory}/spool size=1g;
    leadgen_database "{database}" connections={links};
    leadgen_redis redis://127.0.0.1:{redis}/0;
    server {{
        listen 127.0.0.1:{port};
        location /api/jobs {{ leadgen_api; }}
    }}
"""
BODY = json.dumps({"task": "send_campaign_email", "kwargs": {"campaign_id": 1, "lead_id": 2}})
REQUEST = (f"POST /api/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.TOKEN}\r\n"
           f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}").encode()


def post(port, count):
    """Sends them over kept connections, one after the other on each; returns
    seconds."""
    selector = selectors.DefaultSelector()
    begin = time.monotonic()
    for number in range(CONNECTIONS):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(REQUEST)
        selector.register(client, selectors.EVENT_READ)
    sent, accepted = CONNECTIONS, 0
    while accepted < count:
        for key, _ in selector.select(30):
            answer = key.fileobj.recv(65536)
            assert answer.startswith(b"HTTP/1.1 202 "), answer[:600]
            accepted += 1
            if sent < count:
                key.fileobj.sendall(REQUEST)
                sent += 1
    return time.monotonic() - begin


def cluster_cpu(database):
    """CPU seconds of PostgreSQL's processes that live."""
    return sum(gateway.cpu(pid) for pid, in database.rows("select pid from pg_stat_activity where datname is not null"))


def wait_for(database, count):
    """Until all are in Redis; returns the time from the first to the last."""
    while database.value("select count(*) from public.jobs where relayed_at is not null") < count:
        time.sleep(0.05)
    return database.value("select extract(epoch from max(relayed_at) - min(taken_at))::float from public.jobs")


def measure(module, database, redis, dsn, directory, jobs):
    for links in (1, 4, 8):
        database.rows("truncate public.jobs")
        used = cluster_cpu(database)
        server = gateway.Server(directory, f"jobs {links}", HTTP, modules=[module], database=dsn,
                                links=links, redis=redis, path="/api/jobs")
        began = time.monotonic()
        seconds = post(server.port, jobs)
        wait_for(database, jobs)
        print(f"{jobs} jobs, {links} connections: {jobs / seconds:.0f} accepted/s,"
              f" CPU s of nginx {server.cpu():.1f}, of PostgreSQL {cluster_cpu(database) - used:.1f};"
              f" the last in Redis {time.monotonic() - began:.1f} s after the first was sent", flush=True)
        if links == 1:
            database.rows("truncate public.jobs")
            database.rows("select job.enqueue('send_campaign_email', '{\"campaign_id\": 1, \"lead_id\": 2}')"
                          f" from generate_series(1, {jobs})")
            print(f"{jobs} jobs that are there: {jobs / wait_for(database, jobs):.0f}/s to Redis", flush=True)
        server.stop()


def main(module, jobs=10_000):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="leadgen-bench-"))
    directory.chmod(0o755)
    port = gateway.free_port()
    redis = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                              "--dir", directory], stdout=subprocess.DEVNULL)
    try:
        with migrated() as database:
            measure(str(pathlib.Path(module).resolve()), database, port,
                    database.cluster.dsn(database.name, "gateway"), directory, jobs)
    finally:
        redis.terminate()
        redis.wait()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
