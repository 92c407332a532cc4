#!/usr/bin/python3
"""How long a page of users takes when there are many: makes them in a private
cluster, asks in all ways, and prints milliseconds.

users_list.py [USERS]    100,000 of them unless said
"""

import json
import random
import sys

from audit_list import TURNS, Measure
from database import migrated

USERS = """
insert into public.users (email, name, hashed_password, role, is_active, created_at)
select 'user' || n || '@' || (array['example.com', 'example.org', 'müller.example'])[1 + n %% 3],
    (array['Ann', 'Bob', 'Çağla', 'Dörte', 'Émile'])[1 + n %% 5] || ' ' || (array['Berg', 'Costa', 'Diaz'])[1 + n %% 3],
    '*', case when n %% 10000 = 1 then 'admin' when n %% 500 = 1 then 'manager' else 'user' end, n %% 1000 <> 1,
    now() - (%s - n) * interval '1 minute'
from generate_series(1, %s::integer) as n
"""


def measure(database, users):
    pick = random.Random(7)
    timer = Measure(database)
    print(f"{'':44} {'':5}{'clock p50':>9}{'p99':>9}{'max':>9}{'CPU p50':>9}{'p99':>9}{'max':>9}")
    for name, draw in {
        "no filter": lambda: {},
        "limit": lambda: {"limit": "200"},
        "role": lambda: {"role": pick.choice(["admin", "manager", "user", "nobody"])},
        "is_active": lambda: {"is_active": pick.choice(["true", "false"])},
        "role, is_active": lambda: {"role": pick.choice(["admin", "manager"]), "is_active": "false"},
        "q: an address": lambda: {"q": f"user{pick.randint(1, users)}@"},
        "q: many": lambda: {"q": pick.choice(["example", "berg", "ÇAĞLA", "e"])},
        "q: nobody": lambda: {"q": pick.choice(["nothing", "zzz", "zq"])},
        "q: nobody, role": lambda: {"q": "ann@", "role": "user"},
    }.items():
        for _ in range(TURNS):
            timer.ask("select body from api.users(%s::jsonb)", json.dumps({"query": draw()}))
        timer.tell(name)


def main(users=100_000):
    with migrated() as database:
        database.rows(USERS, users, users)
        database.rows("vacuum analyze public.users")
        measure(database, users)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
