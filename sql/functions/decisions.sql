/*
 * Why somebody was let through, or not: what the audit row of a request says.
 */


/*
 * The role that has all these permissions and the fewest others, of those
 * named, or of all; NULL when there is none.
 */
create or replace function private.smallest_role(request jsonb, permissions text[], names text[])
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
select r.name
from private.roles_of(request) r
where r.permissions @> to_jsonb($2) and (names is null or r.name = any(names))
order by jsonb_array_length(r.permissions), r.name collate "C"
limit 1;
$$;


/*
 * What became of a request, from its row: allowed, unauthenticated, denied,
 * not_evaluated (nginx had answered it before) or unknown.  An upstream's own
 * refusal is none of the gateway's.
 */
create or replace function private.decision_name(entry public.audit_logs) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
select case
    when entry.success then 'allowed'
    when entry.success is null then 'unknown'
    when entry.error_message like 'HTTP status %' then 'allowed'
    when entry.error_message like 'not evaluated:%' then 'not_evaluated'
    when entry.details ->> 'status' = '401' then 'unauthenticated'
    else 'denied'
end;
$$;


/*
 * GET /api/admin/decisions/:request_id.
 *
 * LG404: no such request was recorded, or it has not come to the database yet.
 */
create or replace function api.decision(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    request_id constant text := lower(request #>> '{params,request_id}');
    entry public.audit_logs;
    decision text;
    condition text;
    requires text[];
    role text;
begin
    if request_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        select * into entry from public.audit_logs a where a.id = request_id::uuid;
    end if;

    if entry.id is null then
        perform private.refuse(
            404,
            'No request with this id was recorded, or it is still on its way: events come to the database'
            ' within seconds while that can be reached, and leadgen_audit says which are recorded.'
        );
    end if;

    decision := private.decision_name(entry);
    condition := entry.details ->> 'condition';
    requires := string_to_array(nullif(entry.details ->> 'requires', ''), ' ');

    if decision in ('denied', 'unauthenticated') and (requires is not null or condition like 'role=%')
        and (condition is null or condition like 'role=%')
    then
        role := private.smallest_role(
            request, coalesce(requires, '{}'), string_to_array(substr(condition, length('role=') + 1), '|')
        );
    end if;

    return row(200, jsonb_build_object(
        'request_id', entry.id,
        'timestamp', private.to_json_time(entry.timestamp),
        'method', entry.details -> 'method',
        'path', entry.details -> 'path',
        'status', entry.details -> 'status',
        'decision', decision,
        'reason', case when decision in ('denied', 'unauthenticated') then
            split_part(entry.error_message, ': ', 1)
        end,
        'cause', case when entry.error_message like 'token-invalid: %' then
            split_part(entry.error_message, ': ', 2)
        end,
        'principal', case when entry.user_id is not null then jsonb_build_object(
            'user_id', entry.user_id, 'email', entry.user_email, 'role', entry.details -> 'role'
        ) end,
        'ip_address', host(entry.ip_address),
        'route', entry.details -> 'route',
        'requires', coalesce(to_jsonb(requires), '[]'),
        'missing_permission', entry.details -> 'permission',
        'failed_condition', entry.details -> 'condition',
        'smallest_role', role,
        'shadow', private.shadow_object(entry.details ->> 'shadow', entry.details ->> 'shadow_route')
    ), null, false)::api.reply;
end
$$;
