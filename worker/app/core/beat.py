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
    told = None         # what stands in mail.beat_schedule

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
                self.told = None
                log.info("beat: this one has the lock")
        return self.leader is mine

    def run_due(self, now):
        due = []
        for entry in schedule.entries():
            slot = entry.when.slot(now)
            run(entry, slot)
            due.append((entry, entry.when.after(slot)))
        if due != self.told:
            tell(due)
            self.told = due
        wait = min((moment - utc_now()).total_seconds() for _, moment in due)
        return min(max(wait, 0.05), LONGEST)


def tell(due):
    """Writes down what is asked for next, for whoever wants to see it."""
    with database.transaction():
        database.rows("delete from mail.beat_schedule where entry <> all(%s)",
                      [entry.name for entry, _ in due])
        for entry, moment in due:
            database.rows(
                "insert into mail.beat_schedule values (%s, %s, %s, %s, %s, %s)"
                " on conflict (entry) do update set (task, function, kwargs, period, due)"
                " = (excluded.task, excluded.function, excluded.kwargs, excluded.period, excluded.due)",
                entry.name, entry.task or None, entry.function or None,
                Jsonb(entry.kwargs), Jsonb(entry.when.told()), moment)


def run(entry, slot):
    """Once for each entry and time.  Returns whether this was the once."""
    job = jobs.derived("beat", entry.name, slot) if entry.task else None
    with database.transaction():
        if not database.count(
                "insert into mail.beat_runs (entry, slot, job) values (%s, %s, %s)"
                " on conflict do nothing", entry.name, slot, job):
            return False
        if entry.function:
            database.rows(sql.SQL("select job.{}()").format(sql.Identifier(entry.function)))
        else:
            database.rows("select job.enqueue(%s, %s, null, null, null, %s)", entry.task,
                          Jsonb(entry.kwargs), job)
    log.info("beat: %s", entry.name, extra={"fields": {"slot": slot}})
    return True
