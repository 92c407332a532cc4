/*
 * All functions, in the order in which they need each other, and who may call
 * them: applied as one transaction after the migrations, each time.
 *
 * psql variable: schema_version, what api.schema_version() shall say.
 */

\set ON_ERROR_STOP on

begin;

set local client_min_messages = warning;

-- one at a time
select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('leadgen functions')) \g /dev/null

\ir functions/tables.sql
\ir functions/base.sql
\ir functions/partitions.sql
\ir functions/revocations.sql
\ir functions/callers.sql
\ir functions/mails.sql
\ir functions/users.sql
\ir functions/audit.sql
\ir functions/audit_export.sql
\ir functions/audit_newer.sql
\ir functions/audit_ledger.sql
\ir functions/audit_stats.sql
\ir functions/audit_reports.sql
\ir functions/authentication.sql
\ir functions/sessions.sql
\ir functions/passwords.sql
\ir functions/admin_users.sql
\ir functions/custom_roles.sql
\ir functions/decisions.sql
\ir functions/differences.sql
\ir functions/jobs.sql
\ir functions/job.sql
\ir functions/worker.sql
\ir functions/user_sessions.sql
\ir functions/jobs_api.sql
\ir functions/relay.sql
\ir functions/events.sql
\ir functions/stats.sql
\ir functions/gateways.sql

revoke all on all functions in schema api, private, job from public, leadgen_gateway, leadgen_worker;
grant execute on all functions in schema api to leadgen_gateway;
grant execute on all functions in schema job to leadgen_worker;

select private.audit_partitions() \g /dev/null

insert into api.version (version, applied_at)
values (:'schema_version', now())
on conflict (only_one) do update
set version = excluded.version, applied_at = excluded.applied_at;

commit;
