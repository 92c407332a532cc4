#!/usr/bin/python3
"""What a row in PostgreSQL for each request costs on all sides: this gateway
before a trivial upstream, and a FastAPI application that inserts it by itself.

durable.py BUILD [ROUNDS [SECONDS]]
"""

import pathlib
import random
import shutil
import statistics
import sys
import time

import contestants
import gateway
import intake

from application import Application
from gateway import Server

APPLICATION = "FastAPI, an INSERT each"
GATEWAY = "leadgen, audited, shipped and sealed"


# as the gateway's, without its chain and its counters
TABLE = "create table public.application_logs (like public.audit_logs including all)"
ROWS = {APPLICATION: "select count(*) from public.application_logs",
        GATEWAY: "select coalesce(max(sequence), 0) from public.audit_seals"}


def settled(database):
    """How many rows are sealed, once there are no more."""
    before = None
    while (now := database.rows(ROWS[GATEWAY])[0][0]) != before:
        before = now
        time.sleep(2)
    return now


def measure(root, build, rounds=3, seconds=2):
    """Of each, [its own, PostgreSQL's, both] in CPU seconds for 100,000
    requests, medians; and the median of the rounds' ratios of both."""
    # rows that were answered for outlive a power cut
    cluster = intake.conftest.Cluster("fsync=on")
    servers = {}
    cost = {APPLICATION: [], GATEWAY: []}
    try:
        name = cluster.create()
        done = cluster.migrate(name, "--gateway-role", "gateway",
                               "--worker-role", "worker")
        assert done.returncode == 0, done.stderr
        database = intake.conftest.Database(cluster, name)
        servers["upstream"] = Server(root, "durable upstream",
                                     gateway.UPSTREAM)
        servers[GATEWAY] = Server(
            root, "durable", contestants.AUDITED,
            [build / "ngx_leadgen_module.so"],
            upstream=servers["upstream"].port,
            # in nginx' configuration it is one word
            database=cluster.dsn(name, "gateway").split(" options=")[0])
        database.rows(TABLE)
        servers[APPLICATION] = Application(root, cluster.dsn(name))
        assert servers[APPLICATION].ready(), "FastAPI did not start"

        for _ in range(rounds):
            for which in random.sample(list(cost), 2):
                settled(database)
                (rows,), = database.rows(ROWS[which])
                own = servers[which].cpu()
                other = intake.cpu(cluster.server.pid)
                requests, _ = gateway.wrk(servers[which].port, seconds)
                settled(database)
                cost[which].append([used * 100000 / requests for used in (
                    servers[which].cpu() - own,
                    intake.cpu(cluster.server.pid) - other)])
                (now,), = database.rows(ROWS[which])
                assert now >= rows + requests, (which, rows, requests, now)
    finally:
        for server in servers.values():
            server.stop()
        cluster.stop()
        shutil.rmtree(root / "durable", ignore_errors=True)
    return ({which: [statistics.median(column) for column in zip(
        *((own, other, own + other) for own, other in rounds))]
        for which, rounds in cost.items()},
        statistics.median(sum(theirs) / sum(ours) for theirs, ours in zip(
            cost[APPLICATION], cost[GATEWAY])))


def report(costs, ratio):
    """Lines of Markdown."""
    return ["| a row in PostgreSQL for each request, CPU s / 100k | its own "
            "| PostgreSQL's | both |", "| --- | ---: | ---: | ---: |",
            *(f"| {which} | {own:.2f} | {other:.2f} | {both:.2f} |"
              for which, (own, other, both) in costs.items()), "",
            f"The application takes {ratio:.1f} × as much; the gateway's part "
            "is counted until the last", "row is there and sealed."]


if __name__ == "__main__":
    where = pathlib.Path(sys.argv[1]).resolve()
    (where / "bench").mkdir(parents=True, exist_ok=True)
    print("\n".join(report(*measure(where / "bench", where,
                                    *map(int, sys.argv[2:])))))
