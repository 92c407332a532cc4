-- Verify leadgen:jobs_fillfactor on pg

begin;

select 1 / count(*)
from pg_catalog.pg_class
where oid = 'public.jobs'::regclass and reloptions @> array['fillfactor=50'];

rollback;
