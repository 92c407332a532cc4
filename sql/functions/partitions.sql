/*
 * The monthly partitions of audit_logs: audit_logs_2026_11 and so on.
 */


-- The name of the partition of the month of a moment (UTC).
create or replace function private.audit_partition_name(moment timestamptz) returns text
language sql stable strict parallel safe
return 'audit_logs_' || to_char(moment at time zone 'UTC', 'YYYY_MM');


/*
 * Makes the partition of the month of a moment (UTC), and moves there what
 * the default partition has of that month.  Harmless when it is there already
 * or being made.  Returns whether it was made.
 *
 * Readers and writers go on meanwhile, except for the moment in which the
 * default partition is locked.
 */
create or replace function private.audit_partition(moment timestamptz)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    month constant timestamp := date_trunc('month', moment at time zone 'UTC');
    name constant text := private.audit_partition_name(moment);
    first constant uuid := private.uuid_at(month at time zone 'UTC');
    beyond constant uuid := private.uuid_at((month + interval '1 month') at time zone 'UTC');
begin
    if to_regclass('public.' || name) is not null then
        return false;
    end if;

    lock table only public.audit_logs in share update exclusive mode;

    if to_regclass('public.' || name) is not null then
        return false;
    end if;

    lock table public.audit_logs_default in access exclusive mode;

    execute format(
        'create table public.%I (like public.audit_logs including all)', name
    );
    execute format(
        'insert into public.%I select * from public.audit_logs_default where id >= $1 and id < $2',
        name
    ) using first, beyond;

    -- they are moved, not deleted
    alter table public.audit_logs_default disable trigger audit_logs_immutable;
    delete from public.audit_logs_default where id >= first and id < beyond;
    alter table public.audit_logs_default enable trigger audit_logs_immutable;

    execute format(
        'create trigger audit_logs_untruncatable before truncate on public.%I'
        ' for each statement execute function private.audit_logs_immutable()', name
    );
    execute format(
        'alter table public.audit_logs attach partition public.%I for values from (%L) to (%L)',
        name, first, beyond
    );

    return true;
end
$$;


-- Makes the partitions of this month and the next two; returns how many.
create or replace function private.audit_partitions() returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
select count(*) filter (where private.audit_partition(now() + make_interval(months => n)))::integer
from generate_series(0, 2) n;
$$;


/*
 * Makes the partitions that ids from first to last need, as far as they are
 * within 40 days of now, and those to come.  Rows need not wait for it: when a
 * lock can't be had at once, they go to the default partition.
 */
create or replace function private.audit_partitions_for(first uuid, last uuid)
returns void
language plpgsql strict
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
    month timestamp;
    made boolean := false;
begin
    for month in
        select generate_series(
            date_trunc('month', greatest(private.uuid_time(first), now() - interval '40 days') at time zone 'UTC'),
            least(private.uuid_time(last), now() + interval '40 days') at time zone 'UTC',
            interval '1 month'
        )
    loop
        if private.audit_partition(month at time zone 'UTC') then
            made := true;
        end if;
    end loop;

    if made then
        perform private.audit_partitions();
    end if;
exception
    when lock_not_available or deadlock_detected then
        raise log 'leadgen: audit: could not make a partition: %', sqlerrm;
end
$$;
