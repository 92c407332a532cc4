-- Revert leadgen:job_traces from pg

begin;

drop function if exists private.job_message(public.jobs, text);
alter table public.jobs drop column trace;

commit;
