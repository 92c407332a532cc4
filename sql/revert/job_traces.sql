-- Revert leadgen:job_traces from pg

begin;

alter table public.jobs drop column trace;

commit;
