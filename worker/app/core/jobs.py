"""What becomes of jobs, told to the gateway's database: functions of its schema
job.  An id that it does not know is nobody's business there."""

import datetime
import functools
import hashlib
import logging
import os
import time
import uuid

import psycopg
from celery import signals
from psycopg.types.json import Jsonb

from . import database

log = logging.getLogger(__name__)
AWAY = 10           # seconds until who could not be told is told again
_away = {"until": 0}


def is_uuid(job_id):
    try:
        return bool(uuid.UUID(job_id))
    except (TypeError, ValueError, AttributeError):
        return False


def derived(*parts):
    """The same UUID for the same parts: who asks twice asks for one job."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return uuid.UUID(bytes=digest[:16], version=5)


# --- for tasks

def started(request):
    """Whether to go on: not when it was done, revoked or is somebody else's."""
    if not is_uuid(request.id):
        return True
    return database.value("select job.started(%s, %s, %s)", request.id,
                          request.hostname or "", request.retries)


def succeeded(request, result):
    if is_uuid(request.id):
        database.rows("select job.succeeded(%s, %s)", request.id, Jsonb(result))


def progress(request, done, total):
    if is_uuid(request.id):
        database.rows("select job.progress(%s, %s, %s)", request.id, done, total)


def enqueue(jobs):
    """Asks for jobs in one statement: [(id, task, kwargs, eta or None)].

    An id that is there already stays as it is.
    """
    if jobs:
        ids, tasks, kwargs, etas = zip(*jobs)
        database.rows(
            "select job.enqueue(w.task, w.kwargs, null, w.eta, null, w.id)"
            " from unnest(%s::uuid[], %s::text[], %s::jsonb[], %s::timestamptz[])"
            " as w (id, task, kwargs, eta)",
            list(ids), list(tasks), [Jsonb(one) for one in kwargs], list(etas))


def returned(request, error, seconds):
    """Gives it back to the gateway, which brings it to Redis in so many seconds."""
    eta = (datetime.datetime.now(datetime.timezone.utc)
           + datetime.timedelta(seconds=seconds))
    database.rows("select job.returned(%s, %s, %s)", request.id, words(error), eta)


# --- for Celery, which tells of ends that no task sees

def reporter(tell):
    """Whoever can't be told now hears it from the result backend."""
    @functools.wraps(tell)
    def safe(*args, **kwargs):
        try:
            tell(*args, **kwargs)
        except psycopg.Error as error:
            log.warning("could not tell the database of a job: %s",
                        type(error).__name__)
    return safe


def words(error):
    """An exception, as a person reads it."""
    text = str(error)
    name = type(error).__name__
    return text if name in ("Failure", "TryAgain") else f"{name}: {text}"


@signals.celeryd_after_setup.connect
@reporter
def on_start(sender=None, **_):
    """What a process of this name was at before is lost."""
    database.rows("select job.worker_began(%s, %s)", sender, os.getpid())


@signals.task_received.connect
@reporter
def on_received(request=None, **_):
    """The worker itself does this: it must not wait for a database again and again."""
    if is_uuid(request.id) and time.monotonic() > _away["until"]:
        try:
            database.rows("select job.received(%s, %s)", request.id, request.hostname or "")
        except psycopg.Error:
            _away["until"] = time.monotonic() + AWAY
            raise


@signals.task_failure.connect
@reporter
def on_failure(task_id=None, exception=None, einfo=None, **_):
    if is_uuid(task_id):
        database.rows("select job.failed(%s, %s, %s)", task_id, words(exception),
                      str(einfo.traceback) if einfo else None)


@signals.task_retry.connect
@reporter
def on_retry(request=None, reason=None, **_):
    if is_uuid(request.id):
        eta = getattr(reason, "when", None)
        if isinstance(eta, (int, float)):
            eta = (datetime.datetime.now(datetime.timezone.utc)
                   + datetime.timedelta(seconds=eta))
        error = getattr(reason, "exc", None) or reason
        database.rows("select job.retrying(%s, %s, %s)", request.id,
                      words(error), eta)


@signals.task_revoked.connect
@reporter
def on_revoked(request=None, expired=False, **_):
    if is_uuid(request.id):
        database.rows("select job.revoked(%s, %s)", request.id, bool(expired))
