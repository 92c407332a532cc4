"""The connection to PostgreSQL: one for each process, made when it is needed."""

import contextlib
import os
import select

import psycopg
from psycopg.rows import dict_row

from . import settings
from .errors import TryAgain

_own = {}


def connection():
    """This process' connection, in autocommit mode, its rows dictionaries.

    psycopg.OperationalError: the database is away.
    """
    # a child must not touch what it got from its parent
    if _own.get("pid") != os.getpid():
        _own.clear()
    known = _own.get("connection")

    if known is not None and (known.closed or _has_gone(known)):
        known.close()
        known = None
    if known is None:
        known = psycopg.connect(
            settings.DATABASE_URL, autocommit=True, row_factory=dict_row,
            connect_timeout=5, application_name="leadgen-worker",
            keepalives_idle=30, options="-c statement_timeout=120s -c timezone=UTC -c jit=off")
        known.prepare_threshold = None      # a pooler may stand between
        _own.update(pid=os.getpid(), connection=known)
    return known


def _has_gone(known):
    """An idle connection has something to read when its server hung up."""
    poll = select.poll()
    poll.register(known.fileno(), select.POLLIN)
    return (known.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
            and bool(poll.poll(0)))


def rows(query, *values):
    """All rows; an empty list for a statement that has none."""
    cursor = connection().execute(query, values or None)
    return cursor.fetchall() if cursor.description else []


def row(query, *values):
    """The first row, or None."""
    found = rows(query, *values)
    return found[0] if found else None


def value(query, *values):
    """The first column of the first row, or None."""
    found = row(query, *values)
    return next(iter(found.values())) if found else None


def count(query, *values):
    """How many rows a statement changed."""
    return connection().execute(query, values or None).rowcount


def transaction():
    """with transaction(): all or nothing."""
    return connection().transaction()


@contextlib.contextmanager
def lock(name):
    """Holds a lock of that name in the whole database.  It ends with the
    connection, and so with the process, at the latest.

    TryAgain: somebody else has it.
    """
    mine = connection()
    query = "select pg_catalog.{}(pg_catalog.hashtextextended(%s, 7)) as done"
    if not mine.execute(query.format("pg_try_advisory_lock"), [name]).fetchone()["done"]:
        raise TryAgain(f"Another worker is at {name}.")
    try:
        yield
    finally:
        if not mine.closed:
            mine.execute(query.format("pg_advisory_unlock"), [name])
