#!/usr/bin/python3
"""How long a page of the audit log takes when there are many rows: makes them
in a private cluster, asks in all ways, and prints milliseconds.

audit_list.py [ROWS]    3,000,000 of them unless said; some 5 minutes for ten
                        million, and 8 GB below TMPDIR
"""

import datetime
import itertools
import json
import pathlib
import random
import sys
import time
import uuid

from database import migrated

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
# as they are once they have been added up
HOURS = ("""
insert into public.audit_hours (hour, action, resource_type, success, events)
select date_trunc('hour', timestamp, 'UTC'), action, resource_type, success, count(*)
from public.audit_logs group by 1, 2, 3, 4""", """
insert into public.audit_user_hours (hour, user_id, events)
select date_trunc('hour', timestamp, 'UTC'), user_id, count(*)
from public.audit_logs group by 1, 2""", "select private.audit_fold()",
         "vacuum analyze public.audit_hours", "vacuum analyze public.audit_days",
         "vacuum analyze public.audit_user_hours", "vacuum analyze public.audit_user_days",
         "vacuum analyze public.audit_user_months")


def filters(pick):
    """Each filter of the list, with values that are drawn again for each turn: some find much, some nothing."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def time():
        first = now - datetime.timedelta(days=pick.uniform(0.1, 57))
        beyond = first + datetime.timedelta(hours=pick.choice([1, 24, 24 * 7, 24 * 30]))
        return {"from": first.isoformat(), "to": beyond.isoformat()}

    return {
        "action": lambda: {"action": pick.choice(
            ["login", "lead_created", "campaign_updated", "access_granted", "settings_updated"])},
        "user_id": lambda: {"user_id": str(pick.randint(1, 5000))},
        "user_email": lambda: {"user_email": f"user{pick.randint(1, 5000)}@example.com"},
        "resource_type": lambda: {"resource_type": pick.choice(["user", "lead", "campaign", "settings"])},
        "resource_id": lambda: {"resource_id": str(pick.randint(0, 99999))},
        "success": lambda: {"success": pick.choice(["true", "false", "unknown"])},
        "ip_address": lambda: {"ip_address": pick.choice([
            f"10.0.{pick.randint(0, 255)}.{pick.randint(0, 255)}", f"10.0.{pick.randint(0, 255)}.0/24", "10.0.0.0/8"])},
        "from and to": time,
    }


class Measure:
    """Milliseconds on the clock, and those of the processor in the server's process: others share the machine."""

    def __init__(self, database):
        self.database = database
        pid = database.value("select pg_backend_pid()", on=database.gateway)
        self.schedstat = pathlib.Path(f"/proc/{pid}/schedstat")
        self.times = []

    def cpu(self):
        return int(self.schedstat.read_text().split()[0]) / 1e6

    def ask(self, statement, *values):
        cpu, started = self.cpu(), time.perf_counter()
        rows = self.database.rows(statement, *values, on=self.database.gateway)
        self.times.append(((time.perf_counter() - started) * 1000, self.cpu() - cpu))
        return rows[0][0]

    def tell(self, name):
        columns = [sorted(column) for column in zip(*self.times)]
        figures = "".join(f"{column[len(column) // 2]:9.2f}{column[len(column) * 99 // 100]:9.2f}{column[-1]:9.2f}"
                          for column in columns)
        print(f"{name:44} {len(self.times):5}{figures}", flush=True)
        self.times = []


def measure(database):
    pick = random.Random(7)
    some = filters(pick)
    timer = Measure(database)
    every = []
    worst = {}
    print(f"{'':44} {'':5}{'clock p50':>9}{'p99':>9}{'max':>9}{'CPU p50':>9}{'p99':>9}{'max':>9}")
    for number in range(len(some) + 1):
        for names in itertools.combinations(some, number):
            for _ in range(TURNS if number < 2 else TURNS // 10):
                query = {}
                for name in names:
                    query |= some[name]()
                timer.ask("select body from api.audit_logs(%s::jsonb)", json.dumps({"query": query}))
            every += timer.times
            worst[names] = sorted(cpu for _, cpu in timer.times)[len(timer.times) * 99 // 100]
            if number < 2:
                timer.tell(names[0] if names else "no filter")
            timer.times = []
    timer.times = every
    timer.tell(f"all {2 ** len(some)} combinations")
    print("dearest:", "; ".join(f"{' '.join(names)} {worst[names]:.1f}"
                                for names in sorted(worst, key=worst.get)[-5:]))
    for query in ({"limit": "200"}, {"q": "/api/leads/555"}, {"q": "user5@"}, {"q": "nothing"}):
        for _ in range(TURNS // 10):
            timer.ask("select body from api.audit_logs(%s::jsonb)", json.dumps({"query": query}))
        timer.tell(" ".join(f"{name}={value}" for name, value in query.items()))

    now = datetime.datetime.now(datetime.timezone.utc)
    for name, days, width in (("a day by hours", 1, "hour"), ("a week by hours", 7, "hour"),
                              ("all by days", 58, "day")):
        query = {"from": (now - datetime.timedelta(days=days)).isoformat(), "interval": width}
        for _ in range(TURNS // 10):
            timer.ask("select body from api.audit_stats(%s::jsonb)", json.dumps({"query": query}))
        timer.tell(f"stats, {name}")

    for form in ("csv", "ndjson"):
        after = None
        for turn in range(TURNS):
            request = {"format": form, "query": {}, "request_id": str(uuid.uuid4()), "principal": {"user_id": 1}}
            after = timer.ask("select next from api.audit_export(%s::jsonb, %s)", json.dumps(request), after)
            if turn == 0:
                timer.tell(f"export, {form}, first page of 200")
        timer.tell(f"export, {form}, pages of 200")


def main(rows=3_000_000):
    with migrated() as database:
        database.rows("alter table public.audit_logs disable trigger user")
        started = time.monotonic()
        for month in range(rows // 2 // 86400 // 28 + 2):
            database.rows("select private.audit_partition(now() - %s * interval '28 days')", month)
        for first in range(1, rows, 500_000):
            database.rows(ROWS, first, min(first + 499_999, rows), rows)
        for statement in HOURS:
            database.rows(statement)
        database.rows("alter table public.audit_logs enable trigger user")
        database.rows("vacuum analyze public.audit_logs")
        print(f"{rows:,} rows in {time.monotonic() - started:.0f} s", flush=True)
        measure(database)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
