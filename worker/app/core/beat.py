"""Celery's beat, with the schedule beside it.  Several may run: one has a lock
of the database, the others wait for it.  What ran is noted there with what was
asked for, in one transaction, so that each time comes once even when the one
with the lock has just lost it.  A time that nobody was there for is made up for
if it is the last one."""

import datetime
import logging

import celery.beat
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from . import database, jobs, schedule

log = logging.getLogger(__name__)
LONGEST = 5


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc)


class Scheduler(celery.beat.Scheduler):
    leader = None       # the connection that has the lock

    def setup_schedule(self):
        """Nothing: celery's own entries are not used."""

    def tick(self, *_, **__):
        """Asks for what is due; returns seconds until it wants to be called."""
        try:
            if not self.leads():
                return LONGEST
            return self.run_due(utc_now())
        except psycopg.Error as error:
            log.warning("beat: the database is away: %s", type(error).__name__)
            return LONGEST

    def leads(self):
        mine = database.connection()
        if self.leader is not mine:
            self.leader = None
            if database.value("select pg_try_advisory_lock(hashtextextended('beat', 7))"):
                self.leader = mine
                log.info("beat: this one has the lock")
        return self.leader is mine

    def run_due(self, now):
        wait = LONGEST
        for entry in schedule.entries():
            slot = entry.when.slot(now)
            run(entry, slot)
            wait = min(wait, (entry.when.after(slot) - utc_now()).total_seconds())
        return max(wait, 0.05)


def run(entry, slot):
    """Once for each entry and time.  Returns whether this was the once."""
    with database.transaction():
        if not database.count(
                "insert into mail.beat_runs (entry, slot) values (%s, %s)"
                " on conflict do nothing", entry.name, slot):
            return False
        if entry.function:
            database.rows(sql.SQL("select job.{}()").format(sql.Identifier(entry.function)))
        else:
            database.rows("select job.enqueue(%s, %s, null, null, null, %s)", entry.task,
                          Jsonb(entry.kwargs), jobs.derived("beat", entry.name, slot))
    log.info("beat: %s", entry.name, extra={"fields": {"slot": slot}})
    return True
