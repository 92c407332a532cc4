"""The audit log as a file: of any size, in memory that stays the same."""

import contextlib
import csv
import http.client
import io
import json
import os
import pathlib
import socket
import time

import pytest

from conftest import BUSY, another_gateway, wait_until

PATH = "/api/admin/audit-logs"
ROWS = int(os.environ.get("LEADGEN_LONG") and "300000" or "12000")


@pytest.fixture(scope="module")
def rows(gateway):
    """Rows about a thing that nothing else is about, 400 bytes each."""
    gateway.sql(
        "insert into public.audit_logs (id, action, resource_type, timestamp, success, user_agent)"
        " select overlay(private.uuid_at(now())::text placing lpad(to_hex(n), 12, '0') from 25)::uuid,"
        " 'system_restore', 'export_test', now(), true, '=' || repeat('x', 200) || n from generate_series(1, %s) n", ROWS)
    return ROWS


@contextlib.contextmanager
def download(gateway, accept, buffer=None):
    connection = gateway.connect(30)
    connection.connect()
    if buffer:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.request("GET", f"{PATH}?resource_type=export_test", headers={
        "Authorization": f"Bearer {gateway.token('admin')}", "Accept": accept})
    response = connection.getresponse()
    try:
        yield response
    finally:
        response.close()
        connection.close()


def memory(gateway):
    """What all workers hold, in KB."""
    total = 0
    for worker in gateway.workers():
        status = pathlib.Path(f"/proc/{worker}/status").read_text()
        total += int(status.split("VmRSS:")[1].split()[0])
    return total


def test_everything_comes(gateway, rows):
    with download(gateway, "text/csv") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert response.headers["Content-Disposition"].startswith('attachment; filename="audit-logs-2')
        lines = list(csv.DictReader(io.TextIOWrapper(response, "utf-8", newline="")))
        assert len({line["id"] for line in lines}) == len(lines) == rows
        assert all(line["user_agent"].startswith("'=x") for line in lines)

    with download(gateway, "application/x-ndjson") as response:
        assert response.headers["Content-Type"].startswith("application/x-ndjson")
        assert sum(json.loads(line)["action"] == "system_restore" for line in response) == rows

    recorded = gateway.request("GET", f"{PATH}?resource_type=audit_log&limit=2", "admin").json["items"]
    assert [item["details"]["export"] for item in recorded] == ["ndjson", "csv"]


def test_a_slow_client_holds_no_memory(gateway, rows):
    with download(gateway, "text/csv") as response:
        response.read()
    before = memory(gateway)

    with contextlib.ExitStack() as clients:
        slow = [clients.enter_context(download(gateway, "text/csv", buffer=65536)) for _ in range(8)]
        for turn in range(3):
            for response in slow:
                assert len(response.read(20000)) == 20000
        started = time.monotonic()
        assert gateway.request("GET", "/api/health").status == 200
        assert time.monotonic() - started < 10 * BUSY
        assert memory(gateway) - before < 16384

    # they left in the middle
    assert gateway.request("GET", PATH, "admin").status == 200


def test_the_head_alone(gateway):
    answer = gateway.request("HEAD", PATH, "admin", headers=[("Accept", "text/csv")])
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize("query, status", [("limit=5", 422), ("action=x", 422), ("from=x", 422), ("page=1", 422)])
def test_what_is_refused_is_a_problem(gateway, query, status):
    answer = gateway.request("GET", f"{PATH}?{query}", "admin", headers=[("Accept", "text/csv")])
    assert answer.status == status and answer.json["errors"]


def test_who_may_not(gateway):
    assert gateway.request("GET", PATH, "manager", headers=[("Accept", "text/csv")]).status == 403
    assert gateway.request("GET", PATH, headers=[("Accept", "text/csv")]).status == 401


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_file_cut_short_looks_so(gateway, rows, version):
    """PostgreSQL refuses in the middle: there is no last chunk."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        client.sendall(f"GET {PATH}?resource_type=export_test HTTP/{version}\r\nHost: x\r\nAccept: text/csv\r\n"
                       f"Authorization: Bearer {gateway.token('admin')}\r\n\r\n".encode())
        received = client.recv(4096)
        assert b" 200 " in received
        gateway.sql("alter function api.audit_export(jsonb, text) rename to audit_export_away")
        try:
            with contextlib.suppress(ConnectionResetError) if version == "1.0" else contextlib.nullcontext():
                while data := client.recv(1 << 20):
                    received = received[-10:] + data
                assert version == "1.1"
        finally:
            gateway.sql("alter function api.audit_export_away(jsonb, text) rename to audit_export")
    assert not received.endswith(b"0\r\n\r\n")
    wait_until(lambda: "cut short" in gateway.error_log(), 5, "a line about it")
