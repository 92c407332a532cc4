-- Deploy leadgen:audit_rollups to pg
-- requires: audit_figures

begin;

-- nothing comes in meanwhile that would be in neither
lock table public.audit_hours, public.audit_user_hours in access exclusive mode;

/*
 * Figures of days, and of users those of days and months, beside those of
 * hours: what is asked of a year is added up from few rows.
 */
create table public.audit_days (
    day date not null,
    action text not null,
    resource_type text,
    success boolean,
    events bigint not null
);

create index audit_days_day on public.audit_days (day);

/*
 * How many events there were from the begin of a day of UTC to the end of each
 * of its 24 hours, and from that of a month to the end of each of 31 days: those
 * between any two are one subtraction.
 */
create table public.audit_user_days (
    day date not null,
    user_id bigint not null,
    events bigint[] not null check (cardinality(events) = 24),
    primary key (day, user_id)
) with (fillfactor = 70);

create table public.audit_user_months (
    month date not null,
    user_id bigint not null,
    events bigint[] not null check (cardinality(events) = 31),
    primary key (month, user_id)
) with (fillfactor = 70);

-- Running counts of the same day or month, added up.
create function private.add_each(counts bigint[], more bigint[]) returns bigint[]
language sql immutable strict parallel safe
return array(select c.one + c.other from unnest(counts, more) as c (one, other));

create aggregate private.sum_each(bigint[]) (
    sfunc = private.add_each, stype = bigint[], parallel = safe
);

-- Running counts of places, of which all events are at one, from 0 on.
create function private.running(place integer, places integer, events bigint) returns bigint[]
language sql immutable strict parallel safe
return array_fill(0::bigint, array[place]) || array_fill(events, array[places - place]);

insert into public.audit_days (day, action, resource_type, success, events)
select (hour at time zone 'UTC')::date, action, resource_type, success, sum(events)
from public.audit_hours
where folded
group by 1, 2, 3, 4;

insert into public.audit_user_days (day, user_id, events)
select
    (hour at time zone 'UTC')::date, user_id,
    private.sum_each(private.running(extract(hour from hour at time zone 'UTC')::integer, 24, events))
from public.audit_user_hours
group by 1, 2;

insert into public.audit_user_months (month, user_id, events)
select
    date_trunc('month', day)::date, user_id,
    private.sum_each(private.running(extract(day from day)::integer - 1, 31, events[24]))
from public.audit_user_days
group by 1, 2;

-- From now on it has only what came in since days and months were added up.  Of
-- whom it is, the log says.
truncate public.audit_user_hours;

alter table public.audit_user_hours drop column folded, drop column user_email;

create or replace function private.audit_logs_count() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    insert into public.audit_hours (hour, action, resource_type, success, events)
    select date_trunc('hour', timestamp, 'UTC'), action, resource_type, success, count(*)
    from added
    group by 1, 2, 3, 4;

    insert into public.audit_user_hours (hour, user_id, events)
    select date_trunc('hour', timestamp, 'UTC'), user_id, count(*)
    from added
    where user_id is not null
    group by 1, 2;

    return null;
end
$$;

commit;
