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
from database import migrated
from gateway import Server

APPLICATION = "FastAPI, an INSERT each"
GATEWAY = "leadgen, audited, shipped and sealed"

# as the gateway's, without its chain and its counters
TABLE = "create table public.application_logs (like public.audit_logs including all)"
ROWS = {APPLICATION: "select count(*) from public.application_logs",
        GATEWAY: "select coalesce(max(sequence), 0) from public.audit_seals"}


def settle(database):
    """Waits until the last row is sealed."""
    before = None
    while (now := database.value(ROWS[GATEWAY])) != before:
        before = now
        time.sleep(2)


def one(which, server, database, postgres, seconds):
    """[its own, PostgreSQL's] CPU seconds for 100,000 requests."""
    settle(database)
    rows = database.value(ROWS[which])
    own, other = server.cpu(), intake.cpu(postgres)
    requests, _ = gateway.wrk(server.port, seconds)
    settle(database)
    cost = [used * 100000 / requests for used in (
        server.cpu() - own, intake.cpu(postgres) - other)]
    now = database.value(ROWS[which])
    assert now >= rows + requests, (which, rows, requests, now)
    return cost


def measure(root, build, rounds=3, seconds=2):
    """Of each, [its own, PostgreSQL's, both] in CPU seconds for 100,000
    requests, medians; and the median of the rounds' ratios of both."""
    servers = {}
    cost = {APPLICATION: [], GATEWAY: []}
    # rows that were answered for outlive a power cut
    with migrated("fsync=on") as database:
        dsn = database.cluster.dsn
        postgres = database.cluster.server.pid
        try:
            servers["upstream"] = Server(root, "durable upstream",
                                         gateway.UPSTREAM)
            servers[GATEWAY] = Server(
                root, "durable", contestants.AUDITED,
                [build / "ngx_leadgen_module.so"],
                upstream=servers["upstream"].port,
                # in nginx' configuration it is one word
                database=dsn(database.name, "gateway").split(" options=")[0])
            database.rows(TABLE)
            servers[APPLICATION] = Application(root, dsn(database.name))
            assert servers[APPLICATION].ready(), "FastAPI did not start"

            for _ in range(rounds):
                for which in random.sample(list(cost), 2):
                    cost[which].append(
                        one(which, servers[which], database, postgres, seconds))
        finally:
            for server in servers.values():
                server.stop()
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
