"""The audit log as a file: every row once, and no formula in it."""

import csv
import datetime
import io
import json

import psycopg2
import pytest
from conftest import event, now, refusal, request

PRINCIPAL = {"user_id": 1, "email": "ann@example.com"}


def export(database, form, **query):
    """All lines, as the gateway puts them together."""
    text, after, pages = "", None, 0
    while True:
        (rows, after, audited), = database.rows(
            "select rows, next, audited from api.audit_export(%s::jsonb, %s)",
            json.dumps(request(principal=PRINCIPAL, format=form, query=query)), after, on=database.gateway)
        assert audited == (pages == 0)
        text, pages = text + rows, pages + 1
        if after is None:
            return text


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 650])
def test_every_row_once(database, count):
    events = [event(now() - datetime.timedelta(seconds=n // 3), n % 4096) for n in range(count)]
    database.ingest(*events)
    lines = list(csv.DictReader(io.StringIO(export(database, "csv"), newline="")))
    assert [line["id"] for line in lines] == sorted((str(e["id"]) for e in events), reverse=True)
    assert [json.loads(line) for line in export(database, "ndjson", action="login").splitlines()] == [
        item for item in everything(database) if item["action"] == "login"]


def everything(database):
    items, cursor = database.logs(limit="200")
    while cursor:
        more, cursor = database.logs(limit="200", cursor=cursor)
        items += more
    return items


def test_filters_hold_on_every_page(database):
    database.ingest(*[event(sequence=n, user_id=n % 2 + 1, user_agent="needle" if n % 10 == 0 else None)
                      for n in range(1000)])
    assert len(export(database, "ndjson", user_id="2").splitlines()) == 500
    assert len(export(database, "ndjson", q="NEEDLE").splitlines()) == 100


def test_who_took_it_is_recorded(database):
    database.ingest(event())
    export(database, "csv", user_id="7")
    item, = database.logs(action="access_granted")[0]
    assert (item["user_id"], item["resource_type"]) == (1, "audit_log")
    assert (item["details"]["export"], item["details"]["filters"]) == ("csv", {"user_id": "7"})


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "\r", "|", "%", "\uff1d", "\n@"])
def test_no_cell_is_a_formula(database, start):
    payload = start + 'cmd|"/c calc"!A0'
    database.ingest(event(user_agent=payload, user_email=payload, error_message=payload, resource_id=payload))
    line, = csv.DictReader(io.StringIO(export(database, "csv"), newline=""))
    for name in ("user_agent", "user_email", "error_message", "resource_id"):
        assert line[name] == "'" + payload
    assert json.loads(export(database, "ndjson", action="login"))["user_agent"] == payload


def test_cells_are_quoted(database):
    database.ingest(event(user_agent='a "b", c\r\nd', details='{"path": "/x\\"y"}', success=None))
    line, = csv.DictReader(io.StringIO(export(database, "csv"), newline=""))
    assert (line["user_agent"], json.loads(line["details"]), line["success"]) == (
        'a "b", c\r\nd', {"path": '/x"y'}, "")


@pytest.mark.parametrize("query, field", [({"limit": "5"}, "limit"), ({"action": "x"}, "action")])
def test_bad_queries_are_refused(untouched, query, field):
    with pytest.raises(psycopg2.Error) as raised:
        export(untouched, "csv", **query)
    code, _, errors = refusal(raised)
    assert (code, [e["field"] for e in errors]) == ("LG422", [field])
