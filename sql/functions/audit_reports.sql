/*
 * Events that applications report: what only they can know.
 */


/*
 * Refuses a report with fields that are unknown, missing or out of bounds:
 * LG422 naming each.
 */
create or replace function private.audit_report_check(body jsonb) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    errors jsonb;
begin
    select jsonb_agg(jsonb_build_object('field', f.name, 'message', m.message) order by f.name)
    into errors
    from (
        select name, value from jsonb_each(body) as e (name, value)
        union all
        select 'action', null where not body ? 'action'
    ) as f (name, value)
    cross join lateral (
        select jsonb_typeof(f.value), f.value #>> '{}'
    ) as v (type, text)
    cross join lateral (select case f.name
        when 'id' then case
            when v.type <> 'string' or v.text !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
                'Send a UUID, another one for each event.'
        end
        when 'action' then case
            when v.text is null or v.text not in (
                select name from private.actions() where scope = 'business'
            ) then 'Send one of ' || (
                select string_agg(name, ', ') from private.actions() where scope = 'business'
            ) || '.'
        end
        when 'user_id' then case when v.type <> 'number' or v.text !~ '^[1-9][0-9]{0,17}$' then
            'Send the id of a user, a whole number from 1.'
        end
        when 'user_email' then private.audit_report_text(f.value, 254)
        when 'resource_type' then private.audit_report_text(f.value, 63)
        when 'resource_id' then private.audit_report_text(f.value, 255)
        when 'user_agent' then private.audit_report_text(f.value, 512)
        when 'error_message' then coalesce(
            private.audit_report_text(f.value, 512),
            case when body -> 'success' = 'true' then 'What has failed is no success: leave one of both out.' end
        )
        when 'ip_address' then case
            when v.type <> 'string' or private.to_inet(v.text) is null
                or masklen(private.to_inet(v.text)) <> case family(private.to_inet(v.text)) when 4 then 32 else 128 end
            then 'Send an address such as 192.0.2.1 or 2001:db8::1.'
        end
        when 'success' then case when v.type <> 'boolean' then 'Send true or false.' end
        when 'details' then case
            when v.type <> 'object' then 'Send an object.'
            when octet_length(v.text) > 16384 then 'Send 16,384 bytes at most.'
            when v.text ~* '"[^"]*(password|passwd|secret|token|authorization|cookie|api_?key)[^"]*": ' then
                'Leave passwords, tokens and other secrets out.'
        end
        else 'There is no such field: there are id, action, user_id, user_email, resource_type, resource_id,'
            ' details, ip_address, user_agent, success and error_message.'
        end
    ) as m (message)
    where m.message is not null;

    if errors is not null then
        perform private.refuse(422, 'Mend the fields listed in errors and send it again.', errors);
    end if;
end
$$;


-- What is wrong with a text; NULL: nothing.
create or replace function private.audit_report_text(value jsonb, longest integer) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case
    when jsonb_typeof(value) is distinct from 'string'
        or char_length(value #>> '{}') not between 1 and longest
        or value #>> '{}' ~ '[\x01-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]' then
        format('Send 1 to %s characters that can be seen, or leave it out.', longest)
end;
$$;


/*
 * POST /api/admin/audit-logs: an application reports an event of its own.
 *
 * body             action, one of the 22, and any of id (UUID of the report),
 *                  user_id, user_email (else who reports), resource_type (else
 *                  the action's), resource_id, details (object), ip_address,
 *                  user_agent (else of who reports), success (else true),
 *                  error_message
 * idempotency_key  of the header, may stand for id
 *
 * A report that comes again, by its id and from the same user, is answered as
 * it was the first time, for 30 days.
 *
 * Returns 201 and the row.  LG409: the id belongs to another report; LG422: see
 * errors.
 */
create or replace function api.audit_report(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    body constant jsonb := coalesce(nullif(request -> 'body', 'null'), '{}');
    reporter constant bigint := request #>> '{principal,user_id}';
    event constant uuid := request ->> 'request_id';
    name constant text := coalesce(lower(body ->> 'id'), request ->> 'idempotency_key');
    digest constant text := encode(sha256(convert_to((body - 'id')::text, 'UTF8')), 'hex');
    is_own constant boolean := not body ?| array['user_id', 'user_email'];
    known public.audit_reports;
    item jsonb;
begin
    perform private.caller_prove(request);
    perform private.audit_report_check(body);

    if char_length(name) not between 1 and 255 then
        perform private.refuse(422, 'Send a shorter Idempotency-Key.', jsonb_build_array(
            jsonb_build_object('field', 'Idempotency-Key', 'message', 'Send 1 to 255 characters.')));
    end if;

    if name is not null then
        insert into public.audit_reports (user_id, key, digest, event)
        values (reporter, name, digest, event)
        on conflict do nothing;

        select * into known
        from public.audit_reports r
        where r.user_id = reporter and r.key = name;
    end if;

    if known.event is null or known.event = event then
        perform private.audit(
            request || jsonb_strip_nulls(jsonb_build_object(
                'ip_address', body -> 'ip_address', 'user_agent', body -> 'user_agent'
            )),
            body ->> 'action',
            case when is_own then reporter else (body ->> 'user_id')::bigint end,
            case when is_own then request #>> '{principal,email}' else body ->> 'user_email' end,
            coalesce(body ->> 'resource_type', (
                select nullif(a.resource_type, '') from private.actions() a where a.name = body ->> 'action'
            )),
            body ->> 'resource_id',
            201,
            coalesce(body -> 'details', '{}') || jsonb_build_object(
                'request_id', event, 'reported_by', reporter
            ),
            case when body ? 'error_message' or body -> 'success' = 'false' then
                coalesce(body ->> 'error_message', 'it failed')
            end
        );
    elsif known.digest <> digest then
        perform private.refuse(409, 'This id was that of another event: send another one.');
    end if;

    select private.audit_item(a) into item
    from public.audit_logs a
    where a.id = coalesce(known.event, event);

    return row(201, item, null, known.event is null or known.event = event)::api.reply;
end
$$;
