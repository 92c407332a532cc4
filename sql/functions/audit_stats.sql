/*
 * Figures of the audit log, from the events of each hour.
 */


/*
 * Adds up what came in since the last time; whoever comes while another is at
 * it leaves it to them.  Figures are the same before and after.
 */
create or replace function private.audit_fold() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not pg_try_advisory_xact_lock(hashtext('leadgen audit fold')) then
        return;
    end if;

    with taken as (
        delete from public.audit_hours
        where hour in (select hour from public.audit_hours where not folded)
        returning *
    ), added as (
        insert into public.audit_hours (hour, action, resource_type, success, events, folded)
        select hour, action, resource_type, success, sum(events), true
        from taken
        group by hour, action, resource_type, success
    ), fresh as (
        select (hour at time zone 'UTC')::date as day, action, resource_type, success, events
        from taken
        where not folded
    ), days as (
        delete from public.audit_days
        where day in (select day from fresh)
        returning *
    )
    insert into public.audit_days (day, action, resource_type, success, events)
    select day, action, resource_type, success, sum(events)
    from (
        select day, action, resource_type, success, events from fresh
        union all
        select day, action, resource_type, success, events from days
    ) as e
    group by day, action, resource_type, success;

    with taken as (
        delete from public.audit_user_hours
        returning hour at time zone 'UTC' as hour, user_id, events
    ), hours as (
        select hour, user_id, sum(events)::bigint as events
        from taken
        group by hour, user_id
    ), days as (
        insert into public.audit_user_days as d (day, user_id, events)
        select
            hour::date, user_id,
            private.sum_each(private.running(extract(hour from hour)::integer, 24, events))
        from hours
        group by hour::date, user_id
        on conflict (day, user_id) do update set events = private.add_each(d.events, excluded.events)
    )
    insert into public.audit_user_months as m (month, user_id, events)
    select
        date_trunc('month', hour)::date, user_id,
        private.sum_each(private.running(extract(day from hour)::integer - 1, 31, events))
    from hours
    group by date_trunc('month', hour)::date, user_id
    on conflict (month, user_id) do update set events = private.add_each(m.events, excluded.events);
end
$$;


drop function if exists private.audit_between(timestamptz, timestamptz);


/*
 * Refuses a query that api.audit_stats can't answer: LG422 naming each wrong
 * field.
 */
create or replace function private.audit_stats_check(query jsonb) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    a_time constant text := 'Send a time such as 2026-11-23T08:00:00Z; a + of an offset is %2B in a URL.';
    errors jsonb;
begin
    select jsonb_agg(jsonb_build_object('field', f.name, 'message', m.message) order by f.name)
    into errors
    from jsonb_each_text(query) as f (name, value)
    cross join lateral (select case f.name
        when 'from' then case when private.to_time(f.value) is null then a_time end
        when 'to' then case
            when private.to_time(f.value) is null then a_time
            when private.to_time(f.value) <= private.to_time(query ->> 'from') then
                'Send a time after the one of from.'
        end
        when 'interval' then case when f.value not in ('hour', 'day') then
            'Send hour or day.'
        end
        else 'There is no such parameter: there are from, to and interval.'
        end
    ) as m (message)
    where m.message is not null;

    if errors is not null then
        perform private.refuse(422, 'Mend the parameters listed in errors and send it again.', errors);
    end if;
end
$$;


/*
 * How many events there were of each user in whole hours, from running counts:
 * those of the months, of the two days that are not whole, and what was not added
 * to these yet.  A user may come more than once.
 */
create or replace function private.audit_user_figures(first timestamptz, beyond timestamptz)
returns table (user_id bigint, events bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    starts constant timestamp := first at time zone 'UTC';
    -- within the last hour
    ends constant timestamp := beyond at time zone 'UTC' - interval '1 microsecond';
    first_day constant date := (starts + interval '1 day' - interval '1 microsecond')::date;
    last_day constant date := (ends + interval '1 hour')::date - 1;
    first_month constant date := date_trunc('month', first_day);
    last_month constant date := date_trunc('month', last_day);
    -- counts up to the begin and to the end, in the day or month that has it
    hours_before constant integer := extract(hour from starts);
    hours constant integer := extract(hour from ends) + 1;
    days_before constant integer := extract(day from first_day) - 1;
    days constant integer := extract(day from last_day);
begin
    return query
    select
        u.user_id,
        u.events[case u.day when ends::date then hours else 24 end]
        - coalesce(u.events[case u.day when starts::date then hours_before end], 0)
    from public.audit_user_days u
    where first < beyond and u.day in (starts::date, ends::date) and u.day not between first_day and last_day
    union all
    select
        u.user_id,
        u.events[case u.month when last_month then days else 31 end]
        - coalesce(u.events[case u.month when first_month then days_before end], 0)
    from public.audit_user_months u
    where first_day <= last_day and u.month between first_month and last_month
    union all
    select u.user_id, u.events
    from public.audit_user_hours u
    where u.hour >= first and u.hour < beyond;
end
$$;


/*
 * GET /api/admin/audit-logs/stats: what happened from a moment (inclusive) to
 * another (exclusive), in buckets of UTC.
 *
 * query  from (else 24 hours, or 30 days, before to), to (else now), interval
 *        (hour or day, else hour), at most 10,000 of which
 *
 * An event of which the outcome is unknown counts in total alone; one without a
 * resource is not in by_resource_type.  LG422: see errors.
 */
create or replace function api.audit_stats(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    query constant jsonb := coalesce(request -> 'query', '{}');
    width constant text := coalesce(query ->> 'interval', 'hour');
    -- a day of UTC, whatever the session's time zone is
    step constant interval := case width when 'day' then '24 hours' else '1 hour' end;
    beyond timestamptz;
    first timestamptz;
    first_hour timestamptz;
    beyond_hour timestamptz;
    first_day date;
    beyond_day date;
    body jsonb;
begin
    perform private.audit_stats_check(query);

    beyond := coalesce(private.to_time(query ->> 'to'), now());
    first := coalesce(
        private.to_time(query ->> 'from'),
        date_trunc(width, beyond - case width when 'day' then interval '720 hours' else interval '24 hours' end, 'UTC')
    );

    if beyond - first > 10000 * step then
        perform private.refuse(422, 'Send a shorter time, or interval=day.', jsonb_build_array(
            jsonb_build_object('field', 'from', 'message', 'There would be more than 10,000 buckets.')));
    end if;

    perform private.audit_fold();

    -- the hours that are whole; the one that is not over yet ends now
    first_hour := date_trunc('hour', first + interval '1 hour' - interval '1 microsecond', 'UTC');
    beyond_hour := date_trunc('hour', beyond, 'UTC');

    if beyond >= now() then
        beyond_hour := date_trunc('hour', beyond + interval '1 hour', 'UTC');
    end if;

    if beyond_hour <= first_hour then
        first_hour := beyond;
        beyond_hour := beyond;
    end if;

    -- the days that are, of these hours
    first_day := ((first_hour + interval '24 hours' - interval '1 microsecond') at time zone 'UTC')::date;
    beyond_day := greatest(first_day, (beyond_hour at time zone 'UTC')::date);

    -- what is beside them is counted by rows, whose ids have the time of their request
    with ends as materialized (
        select timestamp, action, resource_type, success, user_id, user_email
        from public.audit_logs
        where timestamp >= first and timestamp < least(first_hour, beyond)
            and id >= private.uuid_at(first - interval '10 minutes')
            and id < private.uuid_at(least(first_hour, beyond) + interval '10 minutes')
        union all
        select timestamp, action, resource_type, success, user_id, user_email
        from public.audit_logs
        where timestamp >= beyond_hour and timestamp < beyond
            and id >= private.uuid_at(beyond_hour - interval '10 minutes')
            and id < private.uuid_at(beyond + interval '10 minutes')
    ), counted as materialized (
        select date_trunc(width, hour, 'UTC') as bucket, action, resource_type, success, sum(events) as events
        from (
            select hour, action, resource_type, success, events
            from public.audit_hours
            where hour >= first_hour and hour < beyond_hour and width = 'hour'
            union all
            select day::timestamp at time zone 'UTC', action, resource_type, success, events
            from public.audit_days
            where day >= first_day and day < beyond_day and width = 'day'
            union all
            -- what is not in these yet, and the hours beside them
            select hour, action, resource_type, success, events
            from public.audit_hours
            where not folded and width = 'day'
                and hour >= first_day::timestamp at time zone 'UTC'
                and hour < beyond_day::timestamp at time zone 'UTC'
            union all
            select hour, action, resource_type, success, events
            from public.audit_hours
            where width = 'day' and hour >= first_hour
                and hour < least(beyond_hour, first_day::timestamp at time zone 'UTC')
            union all
            select hour, action, resource_type, success, events
            from public.audit_hours
            where width = 'day' and hour < beyond_hour
                and hour >= greatest(
                    first_hour, first_day::timestamp at time zone 'UTC', beyond_day::timestamp at time zone 'UTC'
                )
            union all
            select timestamp, action, resource_type, success, 1 from ends
        ) as e (hour, action, resource_type, success, events)
        group by 1, 2, 3, 4
    ), most as materialized (
        select user_id, sum(events) as events
        from (
            select user_id, events from private.audit_user_figures(first_hour, beyond_hour)
            union all
            select user_id, 1 from ends where user_id is not null
        ) as e (user_id, events)
        group by user_id
        having sum(events) > 0
        order by events desc, user_id
        limit 10
    ), users as (
        select m.user_id, m.events, (
            -- as they were called last
            select l.user_email
            from public.audit_logs l
            where l.user_id = m.user_id and l.id < private.uuid_at(beyond + interval '10 minutes')
            order by l.id desc
            limit 1
        ) as user_email
        from most m
    )
    select jsonb_build_object(
        'total', (select coalesce(sum(events), 0) from counted),
        'success', (select coalesce(sum(events) filter (where success), 0) from counted),
        'failure', (select coalesce(sum(events) filter (where not success), 0) from counted),
        'by_action', (
            select coalesce(jsonb_object_agg(action, events), '{}')
            from (select action, sum(events) from counted group by action) as a (action, events)
        ),
        'by_resource_type', (
            select coalesce(jsonb_object_agg(resource_type, events), '{}')
            from (
                select resource_type, sum(events) from counted
                where resource_type is not null
                group by resource_type
            ) as r (resource_type, events)
        ),
        'top_users', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'user_id', user_id, 'user_email', user_email, 'count', events
            ) order by events desc, user_id), '[]')
            from users
        ),
        'series', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'bucket', private.to_json_time(b.bucket),
                'total', coalesce(s.total, 0),
                'failure', coalesce(s.failure, 0)
            ) order by b.bucket), '[]')
            from generate_series(
                date_trunc(width, first, 'UTC'), beyond - interval '1 microsecond', step
            ) as b (bucket)
            left join (
                select c.bucket, sum(events), coalesce(sum(events) filter (where not success), 0)
                from counted c
                group by c.bucket
            ) as s (bucket, total, failure) using (bucket)
        )
    ) into body;

    return row(200, body, null, false)::api.reply;
end
$$;
