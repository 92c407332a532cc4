-- Verify leadgen:job_traces on pg

begin;

select trace from public.jobs where false;

rollback;
