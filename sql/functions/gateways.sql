/*
 * Gateways: each says every five seconds how it is, any tells of all.
 */


/*
 * Takes down what a gateway says of itself.
 *
 * host, configuration  the machine's name and the path of nginx.conf: who it is
 * report               object: version, nginx, policy_version, started_at,
 *                      workers, spool_bytes, spool_limit_bytes,
 *                      spool_oldest_seconds, revocation_lag_seconds
 *
 * One that has been silent for a day is forgotten.
 */
create or replace function api.gateway_report(host text, configuration text, report jsonb)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into public.gateways as g (host, configuration, report)
    values ($1, $2, $3)
    on conflict on constraint gateways_pkey do update
    set report = excluded.report, reported_at = now();

    delete from public.gateways g
    where g.reported_at < now() - interval '1 day';
end
$$;


/*
 * GET /api/admin/gateways
 *
 * 200 with gateways, by name; is_silent: nothing was heard of it for 20
 * seconds, its figures are those of reported_at.  LG422 for any query.
 */
create or replace function api.gateways(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    gateways jsonb;
    errors jsonb;
begin
    select jsonb_agg(jsonb_build_object('field', name, 'message', 'There is no such field.') order by name)
    into errors
    from jsonb_object_keys(request -> 'query') as name;

    if errors is not null then
        perform private.refuse(422, 'The list of gateways takes no query.', errors);
    end if;

    select coalesce(jsonb_agg(
        g.report || jsonb_build_object(
            'host', g.host,
            'configuration', g.configuration,
            'reported_at', private.to_json_time(g.reported_at),
            'is_silent', g.reported_at < now() - interval '20 seconds'
        )
        order by g.host, g.configuration
    ), '[]')
    into gateways
    from public.gateways g;

    return row(200, jsonb_build_object('gateways', gateways), null, false)::api.reply;
end
$$;
