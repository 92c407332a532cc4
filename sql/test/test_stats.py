"""Figures for an overview: users and jobs, and what the gateway adds."""

import psycopg2
import pytest
from conftest import refusal, request


def stats(database, **members):
    return database.call("stats", request(method="GET", path="/api/admin/stats", **members), on=database.gateway)


def test_an_empty_database(database):
    database.rows("delete from public.users")
    assert stats(database) == (200, {
        "users": {"total": 0, "active": 0, "inactive": 0, "by_role": {}},
        "jobs": {"total": 0, "by_status": {}, "by_queue": {}}}, None, False)


def test_users_jobs_and_the_gateway(database):
    database.rows("delete from public.users")
    for email, role, active in (("a@example.com", "admin", True), ("b@example.com", "user", True),
                                ("c@example.com", "user", False)):
        database.rows("insert into public.users (email, name, hashed_password, role, is_active)"
                      " values (%s, 'X', 'h', %s, %s)", email, role, active)
    for queue, status, n in (("emails", "queued", 2), ("emails", "failed", 1), ("analytics", "queued", 3)):
        database.rows("insert into public.jobs (id, task, queue, kwargs, status)"
                      " select gen_random_uuid(), 't', %s, '{}', %s from generate_series(1, %s)", queue, status, n)

    status, body, _, audited = stats(database, gateway={"denials": 7, "uptime_seconds": 1})
    assert (status, audited) == (200, False)
    assert body == {
        "users": {"total": 3, "active": 2, "inactive": 1,
                  "by_role": {"admin": {"active": 1, "inactive": 0}, "user": {"active": 1, "inactive": 1}}},
        "jobs": {"total": 6, "by_status": {"queued": 5, "failed": 1},
                 "by_queue": {"emails": {"queued": 2, "failed": 1}, "analytics": {"queued": 3}}},
        "denials": 7, "uptime_seconds": 1}


def test_no_query(database):
    with pytest.raises(psycopg2.Error) as raised:
        stats(database, query={"from": "x"})
    assert refusal(raised)[::2] == ("LG422", [{"field": "from", "message": "There is no such field."}])
