"""Workers that are killed, reloads and binary upgrades under load: each answer
has its one row."""

import os
import random
import signal
import threading
import time

from auditing import LONG, Auditing, Load, alive, assert_recorded_once
from conftest import wait_until


def flap(gateway, ending):
    """PostgreSQL comes and goes."""
    while not ending.is_set():
        gateway.supervisor("stop", "postgres")
        ending.wait(random.uniform(0.5, 2))
        gateway.supervisor("start", "postgres")
        ending.wait(random.uniform(0.5, 2))


def test_workers_killed_while_the_database_flaps(gateway):
    ending = threading.Event()
    flapping = threading.Thread(target=flap, args=(gateway, ending))
    kills = 200 if LONG else 40
    with Auditing(gateway, options="size=256m") as nginx:
        flapping.start()
        try:
            with Load(nginx, rate=2000) as load:
                for _ in range(kills):
                    time.sleep(random.uniform(0, 0.2))
                    wait_until(nginx.workers, 10, "a worker")
                    os.kill(random.choice(nginx.workers()), signal.SIGKILL)
                load.wait_for(100)
        finally:
            ending.set()
            flapping.join()
        wait_until(lambda: gateway.login("user").status == 200, 30, "database")
        print(f"{kills} kills, {len(load.answered)} answers,"
              f" {len(load.errors)} connections lost")
        assert len(load.answered) > 10 * kills
        assert {answer[0] for answer in load.answered} <= {200, 401, 502}
        assert_recorded_once(gateway, load.ids(), 90)
        rows = gateway.sql("select count(*), count(distinct id)"
                           " from audit_logs")
        assert rows[0][0] == rows[0][1]


def test_reloads_and_upgrades(gateway):
    reloads, upgrades = (20, 5) if LONG else (3, 2)
    with Auditing(gateway) as nginx, Load(
            nginx, keep=False, rate=1000 if LONG else 300) as load:
        begin = time.monotonic()
        for n in range(reloads):
            load.wait_for(50)
            before = set(nginx.workers())
            os.kill(nginx.master, signal.SIGHUP)
            wait_until(lambda before=before: len(nginx.workers()) == 2
                       and not before & set(nginx.workers()), 20, "reload")
            if n % (reloads // upgrades) == 0 and n // (
                    reloads // upgrades) < upgrades:
                nginx.upgrade()
        load.wait_for(50)
        rate = len(load.answered) / (time.monotonic() - begin)
        load.__exit__()
        print(f"{reloads} reloads, {upgrades} upgrades, {len(load.answered)}"
              f" answers, {rate:.0f} a second")
        assert load.errors == []
        assert {answer[0] for answer in load.answered} == {200, 401}
        assert_recorded_once(gateway, load.ids(), 60)
        assert "[alert]" not in nginx.errors()
