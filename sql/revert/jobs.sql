-- Revert leadgen:jobs from pg

begin;

drop schema job cascade;
drop table public.tracking_hits;
drop table public.job_queues;
drop table public.job_workers cascade;
drop table public.jobs cascade;

do $$
begin
    execute format('revoke all on database %I from leadgen_worker', current_database());
    drop role leadgen_worker;
exception
    -- another database of the cluster still uses it
    when dependent_objects_still_exist then
        raise notice 'the role leadgen_worker stays, another database uses it';
end
$$;

commit;
