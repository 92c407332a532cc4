/*
 * Figures for an overview.
 */


/*
 * GET /api/admin/stats
 *
 * request  as every endpoint gets it, and "gateway": what the gateway that was
 *          asked has counted, which goes into the reply
 *
 * 200 with users, jobs and the gateway's figures; LG422 for any query.
 */
create or replace function api.stats(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    users jsonb;
    jobs jsonb;
    errors jsonb;
begin
    select jsonb_agg(jsonb_build_object('field', name, 'message', 'There is no such field.') order by name)
    into errors
    from jsonb_object_keys(request -> 'query') as name;

    if errors is not null then
        perform private.refuse(422, 'These figures take no query.', errors);
    end if;

    select jsonb_build_object(
        'total', coalesce(sum(n), 0),
        'active', coalesce(sum(n) filter (where is_active), 0),
        'inactive', coalesce(sum(n) filter (where not is_active), 0),
        'by_role', coalesce((
            select jsonb_object_agg(role, jsonb_build_object('active', active, 'inactive', inactive))
            from (
                select role, count(*) filter (where is_active) as active,
                    count(*) filter (where not is_active) as inactive
                from public.users
                group by role
            ) as roles
        ), '{}')
    )
    into users
    from (select is_active, count(*) as n from public.users group by is_active) as states;

    with counted as (
        select queue, status, count(*) as n from public.jobs group by queue, status
    )
    select jsonb_build_object(
        'total', coalesce((select sum(n) from counted), 0),
        'by_status', coalesce((
            select jsonb_object_agg(status, n)
            from (select status, sum(n) as n from counted group by status) as states
        ), '{}'),
        'by_queue', coalesce((
            select jsonb_object_agg(queue, states)
            from (select queue, jsonb_object_agg(status, n) as states from counted group by queue) as queues
        ), '{}')
    )
    into jobs;

    return row(
        200, jsonb_build_object('users', users, 'jobs', jobs) || coalesce(request -> 'gateway', '{}'), null, false
    )::api.reply;
end
$$;
