"""The connections to PostgreSQL, and the tables in it."""

import contextlib
import os
import pathlib
import select

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

HERE = pathlib.Path(__file__).parent
LOCK = 7001         # of one application that starts, among several

pool = AsyncConnectionPool(
    os.environ["DATABASE_URL"], min_size=1, max_size=8, open=False,
    timeout=1, reconnect_timeout=2, kwargs={"row_factory": dict_row,
                       "options": "-c search_path=app"})


def has_gone(connection):
    """An idle connection has something to read when its server hung up."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


@contextlib.asynccontextmanager
async def connect():
    """A connection that was alive a moment ago, and a transaction on it."""
    while True:
        async with pool.connection() as connection:
            if not has_gone(connection):
                yield connection
                return
            await connection.close()


async def prepare():
    """Applies the schema; tables that are new get rows to begin with."""
    async with connect() as connection:
        await connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        cursor = await connection.execute(
            "select to_regclass('app.leads') is null as is_new")
        is_new = (await cursor.fetchone())["is_new"]
        await connection.execute((HERE / "schema.sql").read_text())
        if is_new:
            await connection.execute((HERE / "seed.sql").read_text())


async def rows(query, values=()):
    async with connect() as connection:
        cursor = await connection.execute(query, values)
        return await cursor.fetchall()


async def row(query, values=()):
    """The first row; None without any."""
    async with connect() as connection:
        cursor = await connection.execute(query, values)
        return await cursor.fetchone()
