#!/usr/bin/python3
"""How fast PostgreSQL takes in the audit log: sends batches as the gateway does
to a private cluster, and prints rows/s and PostgreSQL's CPU.

intake.py [ROWS [CONNECTIONS]]    100,000 over two unless said
"""

import ctypes
import ctypes.util
import os
import pathlib
import struct
import sys
import threading
import time

from database import migrated

BATCH = 500
EPOCH = 946684800000000
COLUMNS = ((2950, "uuid"), (1184, "timestamptz"), (25, "text"), (20, "bigint"),
           (25, "text"), (25, "text"), (25, "text"), (3802, "jsonb"),
           (25, "text"), (25, "text"), (16, "boolean"), (25, "text"))
CALL = "select api.event_ingest({})".format(", ".join(
    f"${n}::{name}[]" for n, (_, name) in enumerate(COLUMNS, 1)))
DETAILS = ('{{"method":"GET","path":"/api/campaigns/{}","status":200,'
           '"route":"/api/campaigns/:id","role":"admin",'
           '"duration_ms":0.412,"request_id":"{}"}}')
OK = (1, 2)

pq = ctypes.CDLL(ctypes.util.find_library("pq"))
pq.PQconnectdb.restype = ctypes.c_void_p
pq.PQprepare.restype = ctypes.c_void_p
pq.PQexecPrepared.restype = ctypes.c_void_p
pq.PQresultErrorMessage.restype = ctypes.c_char_p


def event(n):
    """The columns of a request that was allowed."""
    now = time.time_ns() // 1000
    id = struct.pack(">Q", now // 1000 << 16 | 0x7000 | n & 0xfff) \
        + struct.pack(">Q", 0x8000000000000000 | n)
    user = n * 7919 % 500 + 1
    return (id, struct.pack(">q", now - EPOCH), b"access_granted",
            struct.pack(">q", user), b"user%d@example.com" % user,
            b"campaign", b"%d" % (n % 1000),
            b"\x01" + DETAILS.format(n % 1000, id.hex()).encode(),
            b"10.0.%d.%d" % (n % 8, n % 251),
            b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", b"\x01",
            None)


def batch(first):
    """The arguments of a call, each column as a binary array."""
    columns = zip(*(event(n) for n in range(first, first + BATCH)))
    return [struct.pack(">iiIii", 1, 1, oid, BATCH, 1) + b"".join(
        b"\xff" * 4 if value is None else struct.pack(">i", len(value)) + value
        for value in values) for (oid, _), values in zip(COLUMNS, columns)]


def send(dsn, batches):
    connection = ctypes.c_void_p(pq.PQconnectdb(dsn.encode()))
    n = len(COLUMNS)

    def good(result):
        result = ctypes.c_void_p(result)
        if pq.PQresultStatus(result) not in OK:
            os.write(2, pq.PQresultErrorMessage(result))
            os._exit(1)
        pq.PQclear(result)

    good(pq.PQprepare(connection, b"", CALL.encode(), 0, None))
    for arguments in batches:
        good(pq.PQexecPrepared(
            connection, b"", n, (ctypes.c_char_p * n)(*arguments),
            (ctypes.c_int * n)(*map(len, arguments)),
            (ctypes.c_int * n)(*[1] * n), 0))
    pq.PQfinish(connection)


def cpu(root):
    """CPU seconds of a process, its threads and children, dead or alive."""
    fields = pathlib.Path(f"/proc/{root}/stat").read_text() \
        .rsplit(")", 1)[1].split()
    used = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    for child in pathlib.Path(f"/proc/{root}/task/{root}/children") \
            .read_text().split():
        used += sum(int(file.read_text().split()[0]) for file in pathlib.Path(
            f"/proc/{child}/task").glob("*/schedstat")) / 1e9
    return used


def measure(rows=100_000, connections=2):
    """Rows/s, and PostgreSQL's CPU seconds for 100,000 rows."""
    with migrated() as database:
        cluster, name = database.cluster, database.name
        database.rows(os.environ.get("INTAKE_SQL", "select 1"))

        batches = [batch(n) for n in range(0, rows, BATCH)]
        send(cluster.dsn(name, "gateway"), [batch(1 << 40)])

        threads = [threading.Thread(target=send, args=(
            cluster.dsn(name, "gateway"), batches[n::connections]))
            for n in range(connections)]
        used, began = cpu(cluster.server.pid), time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        used = cpu(cluster.server.pid) - used

        (there,), = database.rows("select count(*) from public.audit_logs")
        assert there == len(batches) * BATCH + BATCH, there
    return rows / took, used / rows * 100_000


if __name__ == "__main__":
    print("{:.0f} rows/s, {:.2f} s of PostgreSQL's CPU for 100,000 rows"
          .format(*measure(*map(int, sys.argv[1:]))))
