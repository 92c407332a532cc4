-- Revert leadgen:relay from pg

begin;

drop index public.jobs_out;
drop index public.jobs_newest;
alter table public.jobs drop column reported_at;

commit;
