-- Deploy leadgen:job_traces to pg
-- requires: jobs

begin;

-- the header sentry-trace of the request that asked for it
alter table public.jobs add column trace text check (trace ~ '^[0-9a-f]{32}-[0-9a-f]{16}(-[01])?$');

commit;
