#!/usr/bin/python3
"""How long a page of the audit log takes when there are many rows: makes them
in a private cluster, asks in all ways, and prints milliseconds.

audit_list.py [ROWS]    3,000,000 of them unless said; some 5 minutes for ten
                        million, and 8 GB below TMPDIR
"""

import json
import pathlib
import random
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "sql/test"))
sys.dont_write_bytecode = True

import conftest  # noqa: E402

TURNS = 200
ROWS = """
insert into public.audit_logs (id, action, user_id, user_email, resource_type, resource_id, details, ip_address,
                               user_agent, timestamp, success)
select overlay(private.uuid_at(t)::text placing lpad(to_hex(n), 12, '0') from 25)::uuid,
    (array['login', 'logout', 'lead_created', 'lead_updated', 'campaign_updated', 'access_granted'])[1 + n %% 6],
    u, 'user' || u || '@example.com', (array['user', 'lead', 'campaign'])[1 + n %% 3], (n %% 100000)::text,
    jsonb_build_object('method', 'POST', 'path', '/api/leads/' || n %% 100000, 'status', 200, 'duration_ms', 1.5),
    '10.0.0.0'::inet + (n * 7919) %% 65536, 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', t, n %% 50 <> 0
from generate_series(%s::bigint, %s::bigint) as n,
    lateral (select now() - (%s - n) * interval '0.5 second' as t, (n * 104729) %% 5000 + 1 as u) as s
"""


def queries():
    """A name, and a query with values that are drawn again for each turn."""
    pick = random.Random(7)
    return {
        "no filter": lambda: {},
        "action": lambda: {"action": pick.choice(["login", "lead_created"])},
        "user_id": lambda: {"user_id": str(pick.randint(1, 5000))},
        "user_email": lambda: {"user_email": f"user{pick.randint(1, 5000)}@example.com"},
        "resource_id": lambda: {"resource_id": str(pick.randint(0, 99999))},
        "success": lambda: {"success": "false"},
        "address": lambda: {"ip_address": f"10.0.{pick.randint(0, 255)}.{pick.randint(0, 255)}"},
        "network of 256": lambda: {"ip_address": f"10.0.{pick.randint(0, 255)}.0/24"},
        "network of all": lambda: {"ip_address": "10.0.0.0/8"},
        "user_id, action": lambda: {"user_id": str(pick.randint(1, 5000)), "action": "login"},
        "limit 200": lambda: {"limit": "200"},
    }


def main(rows=3_000_000):
    cluster = conftest.Cluster()
    try:
        name = cluster.create()
        done = cluster.migrate(name, "--gateway-role", "gateway", "--worker-role", "worker")
        assert done.returncode == 0, done.stderr
        database = conftest.Database(cluster, name)
        database.rows("alter table public.audit_logs disable trigger user")
        started = time.monotonic()
        for month in range(rows // 2 // 86400 // 28 + 2):
            database.rows("select private.audit_partition(now() - %s * interval '28 days')", month)
        for first in range(1, rows, 500_000):
            database.rows(ROWS, first, min(first + 499_999, rows), rows)
        database.rows("analyze public.audit_logs")
        print(f"{rows:,} rows in {time.monotonic() - started:.0f} s", flush=True)

        for name, query in queries().items():
            times, cursor = [], None
            for turn in range(TURNS):
                asked = {"query": query() | ({"cursor": cursor} if cursor and turn % 2 else {})}
                started = time.perf_counter()
                (body,), = database.rows("select body from api.audit_logs(%s::jsonb)", json.dumps(asked),
                                         on=database.gateway)
                times.append((time.perf_counter() - started) * 1000)
                cursor = body["next_cursor"]
            times.sort()
            print(f"{name:18} p50 {times[TURNS // 2]:7.2f}   p99 {times[TURNS * 99 // 100]:7.2f}", flush=True)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
