"""The gateway can call the functions of schema api, and that is all."""

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege

TABLES = {"users": "id", "audit_logs": "id", "audit_logs_default": "id", "sessions": "id",
          "refresh_tokens": "hash", "password_resets": "hash", "revocations": "sequence", "mails": "id",
          "audit_hours": "events", "audit_user_hours": "events", "audit_days": "events",
          "audit_user_days": "events", "audit_user_months": "events", "audit_reports": "key",
          "audit_seals": "mac", "audit_anchors": "mac", "audit_unsealed": "ids", "audit_settings": "retention",
          "roles": "name", "roles_version": "version", "gateways": "host",
          "jobs": "id", "job_workers": "hostname", "job_queues": "queue", "tracking_hits": "id"}

JOBS = {"event_ingest", "job", "job_create", "job_delete", "job_figures", "job_queues", "job_retry", "job_schedule", "job_workers",
        "jobs", "relay_done", "relay_elect", "relay_heard", "relay_hits", "relay_out", "relay_saw", "relay_take", "relay_tidy"}


def test_rights_of_the_gateway_are_exactly_these(untouched):
    usable = untouched.rows("""
        select nspname, has_schema_privilege('gateway', oid, 'create') from pg_namespace
        where has_schema_privilege('gateway', oid, 'usage') and nspname !~ '^pg_' order by 1""")
    assert usable == [("api", False), ("information_schema", False), ("public", False)]

    callable_ = untouched.rows("""
        select proname, prosecdef from pg_proc
        where pronamespace in ('api'::regnamespace, 'private'::regnamespace, 'public'::regnamespace)
            and has_function_privilege('gateway', oid, 'execute') order by 1""")
    assert {name for name, _ in callable_} >= JOBS
    callable_ = [row for row in callable_ if row[0] not in JOBS or not row[1]]
    assert callable_ == [(name, True) for name in (
        "audit_anchor", "audit_export", "audit_ingest", "audit_ledger", "audit_logs", "audit_newer", "audit_report",
        "audit_retention", "audit_seal", "audit_stats", "audit_strangers", "audit_unsealed", "audit_verify", "caller_resolve",
        "decision", "gateway_report", "gateways", "login_account", "login_begin", "login_finish", "logout", "mail_done", "mail_take", "me",
        "password_begin", "password_finish", "password_reset_begin", "password_reset_check",
        "password_reset_confirm", "password_upgrade", "policy_differences", "refresh", "revocations_since", "role_create", "role_delete",
        "role_update", "roles_known", "schema_version", "stats", "user", "user_create", "user_delete",
        "user_sessions", "user_sessions_end", "user_update", "users")]

    assert untouched.rows("""
        select oid::regclass, right_ from pg_class
        cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) right_
        where relkind in ('r', 'p', 'v') and relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
            and has_table_privilege('gateway', oid, right_)""") == []


def test_rights_of_the_worker_are_exactly_these(untouched):
    """In what the gateway's migrations make; those of the worker's own tables come on top."""
    callable_ = untouched.rows("""
        select proname, prosecdef from pg_proc
        where pronamespace in ('api'::regnamespace, 'job'::regnamespace, 'private'::regnamespace,
                               'public'::regnamespace)
            and has_function_privilege('worker', oid, 'execute') order by 1""")
    assert callable_ == [(name, True) for name in (
        "enqueue", "failed", "mail_user", "maintain_audit_partitions", "progress", "received", "retrying", "returned", "revoked", "started", "succeeded", "worker_began")]
    for table in TABLES:
        for right in ("select", "insert", "update", "delete", "truncate"):
            assert not untouched.value("select has_table_privilege('worker', %s, %s)", f"public.{table}", right)


def test_functions_pin_what_they_call(untouched):
    """With search_path, or as an expression that was parsed once and for all."""
    assert untouched.rows("""
        select oid::regprocedure from pg_proc
        where pronamespace in ('api'::regnamespace, 'job'::regnamespace, 'private'::regnamespace)
            and prosqlbody is null and prokind <> 'a'
            and not coalesce(proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']""") == []


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", [
    "select from public.{}", "insert into public.{} default values",
    "update public.{} set {} = default", "delete from public.{}", "truncate public.{}",
    "do $$begin lock table public.{}; end$$", "copy public.{} to stdout", "drop table public.{}",
    "alter table public.{} disable trigger all"])
def test_no_table(untouched, table, statement):
    with pytest.raises(InsufficientPrivilege):
        untouched.rows(statement.format(table, TABLES[table]), on=untouched.gateway)


@pytest.mark.parametrize("statement", [
    "select from api.version",
    "select private.create_user('a@b', 'A', 'h', 'admin')",
    "select private.audit_partitions()",
    "select private.revoke(1)", "select private.end_sessions(1)", "select private.uuid_mint()",
    "select private.canonical_email('a@b')",
    "create table public.t ()", "create table api.t ()", "create table private.t ()",
    "create schema s", "create role r", "set role owner", "alter role gateway superuser",
    "select from sqitch.changes",
    "copy (select 1) to program 'true'", "select pg_read_file('/etc/passwd')",
    "alter function api.me(jsonb) security invoker",
    "create or replace function api.schema_version() returns text language sql as 'select 1::text'"])
def test_nothing_else(untouched, statement):
    with pytest.raises(InsufficientPrivilege):
        untouched.rows(statement, on=untouched.gateway)


def test_temporary_objects_do_not_shadow(database):
    """A gateway that was taken over can't slip its own into the functions."""
    for statement in ("create temporary table version (version text)",
                      "create temporary table users (id bigint)",
                      "create function pg_temp.now() returns timestamptz language sql as 'select null::timestamptz'",
                      "set search_path = pg_temp, api, public"):
        database.rows(statement, on=database.gateway)
    assert database.value("select api.schema_version()", on=database.gateway)
    with pytest.raises(psycopg2.Error) as raised:
        database.call("me", {"principal": {"user_id": 1}})
    assert raised.value.pgcode == "LG404"
