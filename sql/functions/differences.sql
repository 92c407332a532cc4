/*
 * Where a shadow policy would decide otherwise than the one that is enforced:
 * what the audit rows of requests say.
 */


/*
 * What a shadow decided, or NULL.
 *
 * decision  with the reason and the permission that was missing, ": " between
 */
create or replace function private.shadow_object(decision text, route text) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case when decision is not null then jsonb_build_object(
    'route', route,
    'decision', split_part(decision, ': ', 1),
    'reason', nullif(split_part(decision, ': ', 2), ''),
    'missing_permission', nullif(split_part(decision, ': ', 3), '')
) end;
$$;


/*
 * Refuses a query that api.policy_differences can't answer: LG422 naming each
 * wrong field.
 */
create or replace function private.policy_differences_check(query jsonb) returns void
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
        when 'to' then case when private.to_time(f.value) is null then a_time end
        when 'limit' then case when f.value !~ '^[1-9]\d{0,2}$' or f.value::integer > 200 then
            'Send a whole number from 1 to 200.'
        end
        when 'cursor' then case when private.audit_cursor_id(f.value) is null then
            'Send the next_cursor of the page before, as it was, or leave it out for the first page.'
        end
        else 'There is no such parameter: there are from and to, and limit and cursor.'
        end
    ) as m (message)
    where m.message is not null;

    if errors is not null then
        perform private.refuse(422, 'Mend the parameters listed in errors and send it again.', errors);
    end if;
end
$$;


/*
 * The differences from a moment (inclusive) to another (exclusive): one row for
 * each method, route and decision of either policy.
 */
create or replace function private.policy_differences(first timestamptz, beyond timestamptz)
returns table (
    method text, route text, enforced text, shadow text, shadow_route text,
    events bigint, first_seen timestamptz, last_seen timestamptz, last_id uuid
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
select
    a.details ->> 'method',
    a.details ->> 'route',
    e.enforced,
    a.details ->> 'shadow',
    a.details ->> 'shadow_route',
    count(*),
    min(a.timestamp),
    max(a.timestamp),
    max(a.id::text collate "C")::uuid
from public.audit_logs a
cross join lateral (
    -- what the shadow would refuse was let through, whatever came of it then
    select case
        when a.details ->> 'shadow' ~ '^(allowed|public)' then private.decision_name(a)
        else 'allowed'
    end
) as e (enforced)
where a.details ? 'shadow'
    and a.id >= private.uuid_at($1 - interval '10 minutes')
    and a.id < private.uuid_at($2 + interval '10 minutes')
    and a.timestamp >= $1 and a.timestamp < $2
group by 1, 2, 3, 4, 5;
$$;


/*
 * GET /api/admin/policy/differences: what a shadow policy would change, those
 * that were seen last first.
 *
 * query  from (else a day before to) and to (else now) in RFC 3339, limit (1 to
 *        200, else 50), cursor
 *
 * Returns {"items": [...], "next_cursor": text or null}.  LG422: see errors.
 */
create or replace function api.policy_differences(request jsonb) returns api.reply
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    query constant jsonb := coalesce(request -> 'query', '{}');
    most integer;
    beyond timestamptz;
    items jsonb;
    last_id uuid;
    is_more boolean;
begin
    perform private.policy_differences_check(query);

    most := coalesce((query ->> 'limit')::integer, 50);
    beyond := coalesce(private.to_time(query ->> 'to'), now());

    select
        coalesce(jsonb_agg(jsonb_build_object(
            'method', d.method,
            'route', d.route,
            'decision', d.enforced,
            'shadow', private.shadow_object(d.shadow, d.shadow_route),
            'count', d.events,
            'first_seen', private.to_json_time(d.first_seen),
            'last_seen', private.to_json_time(d.last_seen),
            'request_id', d.last_id
        ) order by d.last_id desc) filter (where d.number <= most), '[]'),
        min(d.last_id::text collate "C") filter (where d.number <= most),
        count(*) > most
    into items, last_id, is_more
    from (
        select p.*, row_number() over (order by p.last_id desc) as number
        from private.policy_differences(
            coalesce(private.to_time(query ->> 'from'), beyond - interval '1 day'), beyond
        ) p
        where not query ? 'cursor' or p.last_id < private.audit_cursor_id(query ->> 'cursor')
        order by p.last_id desc
        limit most + 1
    ) d;

    return row(
        200,
        jsonb_build_object(
            'items', items,
            'next_cursor', case when is_more then private.audit_cursor(last_id) end
        ),
        null,
        false
    )::api.reply;
end
$$;
