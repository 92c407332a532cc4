-- Revert leadgen:audit_rollups from pg

begin;

-- as the migration before had filled it
alter table public.audit_user_hours
add column user_email text, add column folded boolean not null default false;

create index audit_user_hours_unfolded on public.audit_user_hours (hour) where not folded;

truncate public.audit_user_hours;

insert into public.audit_user_hours (hour, user_id, user_email, events)
select date_trunc('hour', timestamp, 'UTC'), user_id, max(user_email), count(*)
from public.audit_logs
where user_id is not null
group by 1, 2;

create or replace function private.audit_logs_count() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    insert into public.audit_hours (hour, action, resource_type, success, events)
    select date_trunc('hour', timestamp, 'UTC'), action, resource_type, success, count(*)
    from added
    group by 1, 2, 3, 4;

    insert into public.audit_user_hours (hour, user_id, user_email, events)
    select date_trunc('hour', timestamp, 'UTC'), user_id, max(user_email), count(*)
    from added
    where user_id is not null
    group by 1, 2;

    return null;
end
$$;

drop table public.audit_user_months;
drop table public.audit_user_days;
drop table public.audit_days;
drop aggregate private.sum_each(bigint[]);
drop function private.add_each(bigint[], bigint[]);
drop function private.running(integer, integer, bigint);

commit;
