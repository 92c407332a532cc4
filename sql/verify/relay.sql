-- Verify leadgen:relay on pg

begin;

select reported_at from public.jobs where false;
select 'public.jobs_newest'::regclass, 'public.jobs_out'::regclass;

rollback;
