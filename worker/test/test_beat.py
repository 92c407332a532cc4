"""Beat: each entry of the schedule once each time, however many run."""

import datetime
import os

import pytest
from conftest import killed_anywhere, wait_until

from app.core import beat, schedule

UTC = datetime.timezone.utc
LONG = bool(os.environ.get("LEADGEN_LONG"))


def at(*words):
    return datetime.datetime(2026, 11, *words, tzinfo=UTC)


@pytest.mark.parametrize("when, now, slot, after", [
    (schedule.Every(300), at(2, 10, 7, 30), at(2, 10, 5), at(2, 10, 10)),
    (schedule.Every(300), at(2, 10, 5), at(2, 10, 5), at(2, 10, 10)),
    (schedule.Daily(2, 30), at(2, 2, 29), at(1, 2, 30), at(2, 2, 30)),
    (schedule.Daily(2, 30), at(2, 2, 30), at(2, 2, 30), at(3, 2, 30))])
def test_times(when, now, slot, after):
    assert when.slot(now) == slot
    assert when.after(slot) == after


def test_the_schedule_is_sound(database):
    """Each entry can be asked for, and each function is there."""
    for entry in schedule.SCHEDULE:
        assert beat.run(entry, at(2)) is True
        assert beat.run(entry, at(2)) is False
    assert database.value("select count(*) from public.jobs") == sum(bool(entry.task) for entry in schedule.SCHEDULE)


def test_the_schedule_is_told(database):
    """Next and last time, and the job; what is no longer in the table is not."""
    database.rows("delete from public.jobs; delete from mail.beat_runs;"
                  "insert into mail.beat_schedule values ('old', 't', null, '{}', '{}', now())")
    scheduler = beat.Scheduler.__new__(beat.Scheduler)
    scheduler.run_due(at(2, 2, 31))
    told = database.value("select body from api.job_schedule('{}')")["schedule"]
    names = {entry.name for entry in schedule.entries()}
    assert {one["name"] for one in told} == names
    clean_up, = (one for one in told if one["name"] == "clean-up")
    assert clean_up["due_at"] == "2026-11-03T02:30:00.000000Z" and clean_up["period"] == {"daily_at": "02:30"}
    assert clean_up["last_status"] == "pending" and clean_up["last_at"]
    assert database.value("select task from public.jobs where id = %s", clean_up["last_job"]) == "cleanup_old_analytics"
    partitions, = (one for one in told if one["function"])
    assert partitions["task"] is None and partitions["last_job"] is None and partitions["last_at"]


def test_killed_anywhere(database):
    entry = schedule.SCHEDULE[0]
    killed_anywhere(lambda: beat.run(entry, at(2)),
                    lambda: database.rows("select id, task from public.jobs union all select null, entry from mail.beat_runs"),
                    lambda: database.rows("delete from public.jobs; delete from mail.beat_runs"))


def test_two_beats(database, workers):
    """Every entry each second; the one with the lock is killed in between."""
    every, times = (10, 30) if LONG else (1, 8)
    beats = [workers.start("beat", "-l", "info", BEAT_EVERY=str(every), BOUNCE_MAILBOX="maildir:/x") for _ in range(2)]
    wait_until(lambda: len(database.rows("select entry from mail.beat_runs group by entry having count(*) >= %s", times))
               == len(schedule.SCHEDULE), 20 + every * times, "beat")
    leader = next(process for process in beats if "has the lock" in process.log.read_text())
    workers.kill(leader)
    database.rows("delete from mail.beat_runs where at < now() - interval '1 hour'")
    last = database.value("select max(slot) from mail.beat_runs")
    wait_until(lambda: database.value("select max(slot) from mail.beat_runs") > last + datetime.timedelta(seconds=2), 20,
               "the other beat")

    rows = database.rows("select entry, array_agg(slot order by slot) from mail.beat_runs where slot <= %s group by 1", last)
    assert {entry for entry, _ in rows} == {entry.name for entry in schedule.SCHEDULE}
    for entry, slots in rows:
        gaps = {(b - a).total_seconds() for a, b in zip(slots, slots[1:])}
        # on a busy machine a beat that is late makes up for the last time only
        assert gaps == {every} or not LONG and all(gap > 0 and gap % every == 0 for gap in gaps), (entry, slots)
    tasks = [entry.name for entry in schedule.SCHEDULE if entry.task]
    assert database.value("select (select count(*) from public.jobs) = (select count(*) from mail.beat_runs"
                          " where entry = any(%s))", tasks)
