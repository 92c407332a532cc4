"""Gateways say how they are, and are listed."""

import psycopg2
import pytest
from conftest import refusal, request


def gateways(database, **members):
    status, body, _, audited = database.call(
        "gateways", request(method="GET", path="/api/admin/gateways", **members), on=database.gateway)
    assert (status, audited) == (200, False)
    return body["gateways"]


def report(database, host, configuration="/etc/nginx/nginx.conf", **figures):
    database.rows("select api.gateway_report(%s, %s, %s)",
                  host, configuration, psycopg2.extras.Json(figures), on=database.gateway)


def test_each_is_there_once_with_what_it_said_last(database):
    database.rows("delete from public.gateways")
    assert gateways(database) == []
    report(database, "b", workers=1)
    report(database, "a", "/two.conf", workers=3)
    report(database, "b", workers=2)
    found = gateways(database)
    assert [(one["host"], one["configuration"], one["workers"], one["is_silent"]) for one in found] == [
        ("a", "/two.conf", 3, False), ("b", "/etc/nginx/nginx.conf", 2, False)]


def test_silence_is_told_and_at_last_forgotten(database):
    database.rows("delete from public.gateways")
    for host, age in (("long", "25 hours"), ("short", "21 seconds")):
        report(database, host)
        database.rows("update public.gateways set reported_at = now() - %s::interval where host = %s", age, host)
    report(database, "well")
    assert [(one["host"], one["is_silent"]) for one in gateways(database)] == [("short", True), ("well", False)]


def test_no_query(database):
    with pytest.raises(psycopg2.Error) as raised:
        gateways(database, query={"q": "x"})
    assert refusal(raised)[::2] == ("LG422", [{"field": "q", "message": "There is no such field."}])
