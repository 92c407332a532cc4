-- Deploy leadgen:audit_figures to pg
-- requires: audit_logs

begin;

/*
 * How many events there were in each hour.  Rows are put beside the ones that
 * are there, in the transaction of the events themselves, so that neither can
 * be without the other and nobody waits; private.audit_fold adds them up.
 */
create table public.audit_hours (
    hour timestamptz not null,
    action text not null,
    resource_type text,
    success boolean,
    events bigint not null,
    folded boolean not null default false
);

create index audit_hours_hour on public.audit_hours (hour);
create index audit_hours_unfolded on public.audit_hours (hour) where not folded;

create table public.audit_user_hours (
    hour timestamptz not null,
    user_id bigint not null,
    user_email text,
    events bigint not null,
    folded boolean not null default false
);

create index audit_user_hours_hour on public.audit_user_hours (hour);
create index audit_user_hours_unfolded on public.audit_user_hours (hour) where not folded;

-- What applications have reported, by the name that they gave the report.
create table public.audit_reports (
    user_id bigint not null,
    key text not null,
    digest text not null,
    event uuid not null,
    at timestamptz not null default now(),
    primary key (user_id, key)
);

create index audit_reports_at on public.audit_reports (at);

create function private.audit_logs_count() returns trigger
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

create trigger audit_logs_count
after insert on public.audit_logs
referencing new table as added
for each statement execute function private.audit_logs_count();

insert into public.audit_hours (hour, action, resource_type, success, events)
select date_trunc('hour', timestamp, 'UTC'), action, resource_type, success, count(*)
from public.audit_logs
group by 1, 2, 3, 4;

insert into public.audit_user_hours (hour, user_id, user_email, events)
select date_trunc('hour', timestamp, 'UTC'), user_id, max(user_email), count(*)
from public.audit_logs
where user_id is not null
group by 1, 2;

commit;
