-- Revert leadgen:jobs_fillfactor from pg

begin;

alter table public.jobs reset (fillfactor);

commit;
