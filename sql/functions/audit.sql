/*
 * The audit log: adding to it and reading it.
 */


/*
 * Adds the row of a call of the module's own API, in the transaction of its
 * change.  Its id is the request's.
 *
 * request        as every endpoint gets it
 * status         HTTP status of the reply
 * more           object: what the action adds to details
 * error_message  NULL: it succeeded
 */
create or replace function private.audit(
    request jsonb, action text, user_id bigint, user_email text,
    resource_type text, resource_id text, status integer, more jsonb,
    error_message text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    request_id constant uuid := request ->> 'request_id';
begin
    if to_regclass('public.' || private.audit_partition_name(private.uuid_time(request_id))) is null then
        perform private.audit_partitions_for(request_id, request_id);
    end if;

    insert into public.audit_logs (
        id, action, user_id, user_email, resource_type, resource_id, details,
        ip_address, user_agent, timestamp, success, error_message
    ) values (
        request_id,
        $2,
        $3,
        left($4, 254),
        $5,
        left($6, 255),
        jsonb_build_object(
            'method', request -> 'method',
            'path', request -> 'path',
            'status', status,
            'request_id', request_id
        ) || more,
        private.to_inet(request ->> 'ip_address'),
        request ->> 'user_agent',
        now(),
        $9 is null,
        $9
    );
end
$$;


-- Rows of the arrays that api.audit_ingest gets.
create or replace function private.audit_rows(
    ids uuid[], timestamps timestamptz[], actions text[], user_ids bigint[],
    user_emails text[], resource_types text[], resource_ids text[],
    details jsonb[], ip_addresses inet[], user_agents text[],
    successes boolean[], error_messages text[]
) returns setof public.audit_logs
language sql stable
begin atomic
    select
        e.id, e.action, e.user_id, left(e.user_email, 254), left(e.resource_type, 63),
        left(e.resource_id, 255), coalesce(e.details, '{}'), e.ip_address, e.user_agent,
        e.timestamp, e.success, e.error_message
    from unnest(
        ids, timestamps, actions, user_ids, user_emails, resource_types, resource_ids, details,
        ip_addresses, user_agents, successes, error_messages
    ) as e (
        id, timestamp, action, user_id, user_email, resource_type, resource_id, details,
        ip_address, user_agent, success, error_message
    );
end;


/*
 * Adds a batch of events, in arrays of one length, one element an event.  Those
 * that are there already, by their id, are skipped: a batch whose answer was
 * lost can be sent again.
 *
 * ids         UUIDv7
 * timestamps  when it happened
 * details     objects
 * successes   NULL: the outcome is unknown
 *
 * Texts that are indexed are cut: e-mail addresses at 254 characters, types
 * and ids of resources at 63 and 255.  An ip_address that is none becomes NULL.
 *
 * Returns how many are new.  A row that can't be stored fails the whole batch,
 * with SQLSTATE class 22, 23 or 54.
 */
create or replace function api.audit_ingest(
    ids uuid[], timestamps timestamptz[], actions text[], user_ids bigint[],
    user_emails text[], resource_types text[], resource_ids text[],
    details jsonb[], ip_addresses text[], user_agents text[],
    successes boolean[], error_messages text[]
) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    addresses inet[];
    added integer;
begin
    -- one look at all: to catch what is no address costs as much as its row
    begin
        addresses := ip_addresses::inet[];
    exception
        when data_exception then
            select array_agg(private.to_inet(a.address) order by a.place) into addresses
            from unnest(ip_addresses) with ordinality as a (address, place);
    end;

    perform private.audit_partitions_for(min(id::text)::uuid, max(id::text)::uuid)
    from unnest(ids) id;

    -- that none of them came in before is nearly always so, and is cheaper to
    -- find wrong than to ask of each
    begin
        insert into public.audit_logs
        select * from private.audit_rows(
            ids, timestamps, actions, user_ids, user_emails, resource_types, resource_ids, details,
            addresses, user_agents, successes, error_messages
        );
    exception
        when unique_violation then
            insert into public.audit_logs
            select * from private.audit_rows(
                ids, timestamps, actions, user_ids, user_emails, resource_types, resource_ids, details,
                addresses, user_agents, successes, error_messages
            )
            on conflict do nothing;
    end;

    get diagnostics added = row_count;
    return added;
end
$$;


/*
 * A cursor is the last id of a page: a version byte and the 16 bytes, in
 * base64 that needs no escaping in a URL.
 */
create or replace function private.audit_cursor(id uuid) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
select rtrim(translate(encode('\x01'::bytea || uuid_send(id), 'base64'), '+/', '-_'), '=');
$$;


-- The id of a cursor, or NULL when the text is not one.
create or replace function private.audit_cursor_id(cursor text) returns uuid
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    id uuid;
begin
    id := substr(encode(decode(translate(cursor, '-_', '+/') || '=', 'base64'), 'hex'), 3);

    if private.audit_cursor(id) = cursor then
        return id;
    end if;

    return null;
exception
    when data_exception then return null;
end
$$;


-- A row of audit_logs as the API shows it.
create or replace function private.audit_item(entry public.audit_logs)
returns jsonb
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select jsonb_build_object(
    'id', entry.id,
    'action', entry.action,
    'user_id', entry.user_id,
    'user_email', entry.user_email,
    'resource_type', entry.resource_type,
    'resource_id', entry.resource_id,
    'details', entry.details,
    'ip_address', host(entry.ip_address),
    'user_agent', entry.user_agent,
    'timestamp', private.to_json_time(entry.timestamp),
    'success', entry.success,
    'error_message', entry.error_message
);
$$;


/*
 * Refuses a query (names and values, all strings) that private.audit_where
 * can't carry out: LG422 naming each wrong field.
 */
create or replace function private.audit_check(query jsonb) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    a_time constant text := 'Send a time such as 2026-11-23T08:00:00Z; a + of an offset is %2B in a URL.';
    a_text constant text := 'Send 1 to 255 characters, or leave it out.';
    errors jsonb;
begin
    select jsonb_agg(jsonb_build_object('field', f.name, 'message', m.message) order by f.name)
    into errors
    from jsonb_each_text(query) as f (name, value)
    cross join lateral (select case f.name
        when 'action' then case when f.value not in (select name from private.actions()) then
            'Send one of ' || (select string_agg(name, ', ') from private.actions()) || '.'
        end
        when 'user_id' then case when f.value !~ '^[1-9][0-9]{0,17}$' then
            'Send the id of a user, a whole number from 1.'
        end
        when 'user_email' then case when char_length(f.value) not between 1 and 255 then a_text end
        when 'resource_type' then case when char_length(f.value) not between 1 and 255 then a_text end
        when 'resource_id' then case when char_length(f.value) not between 1 and 255 then a_text end
        when 'q' then case when char_length(f.value) not between 1 and 255 then a_text end
        when 'success' then case when f.value not in ('true', 'false', 'unknown') then
            'Send true, false or unknown.'
        end
        when 'ip_address' then case when private.to_inet(f.value) is null then
            'Send an address such as 192.0.2.1 or 2001:db8::1, or a network such as 192.0.2.0/24.'
        end
        when 'from' then case when private.to_time(f.value) is null then a_time end
        when 'to' then case
            when private.to_time(f.value) is null then a_time
            when private.to_time(f.value) <= private.to_time(query ->> 'from') then
                'Send a time after the one of from.'
        end
        when 'limit' then case
            when f.value !~ '^[0-9]{1,3}$' or f.value::integer not between 1 and 200 then
                'Send a whole number from 1 to 200.'
        end
        when 'cursor' then case when private.audit_cursor_id(f.value) is null then
            'Send the next_cursor of the page before, as it was, or leave it out for the first page.'
        end
        else 'There is no such filter: there are action, user_id, user_email, resource_type,'
            ' resource_id, success, ip_address, from, to and q, and limit and cursor.'
        end
    ) as m (message)
    where m.message is not null;

    if errors is not null then
        perform private.refuse(422, 'Mend the filters listed in errors and send it again.', errors);
    end if;
end
$$;


/*
 * The condition of a checked query, as SQL in which $1 is the query itself.
 * It is put together from these lines alone, so that the planner sees only
 * the filters in use; values stay parameters.
 *
 * The time of an event is on its row; its id has that of the request, which
 * may have started some minutes before.  So the range of ids that leads to the
 * right partitions is ten minutes wider on both sides.
 */
create or replace function private.audit_where(query jsonb) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
select coalesce(string_agg(c.condition, ' and ' order by c.name), 'true')
from (values
    ('action', 'action = ($1 ->> ''action'')'),
    ('user_id', 'user_id = ($1 ->> ''user_id'')::bigint'),
    ('user_email', 'user_email is not null and (private.canonical_email(user_email)) collate "C"'
        ' = private.canonical_email($1 ->> ''user_email'')'),
    ('resource_type', 'resource_type = ($1 ->> ''resource_type'')'),
    ('resource_id', 'resource_id = ($1 ->> ''resource_id'')'),
    ('success', case query ->> 'success'
        when 'true' then 'success'
        when 'false' then 'success is not true and success = false'
        else 'success is not true and success is null'
    end),
    ('ip_address', 'ip_address <<= ($1 ->> ''ip_address'')::inet'),
    ('from', 'timestamp >= private.to_time($1 ->> ''from'')'
        ' and id >= private.uuid_at(private.to_time($1 ->> ''from'') - interval ''10 minutes'')'),
    ('to', 'timestamp < private.to_time($1 ->> ''to'')'
        ' and id < private.uuid_at(private.to_time($1 ->> ''to'') + interval ''10 minutes'')'),
    ('cursor', 'id < private.audit_cursor_id($1 ->> ''cursor'')')
) as c (name, condition)
where query ? c.name;
$$;


-- Whether a text is one address, and not a network of many.
create or replace function private.audit_is_address(value text) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select masklen(private.to_inet(value)) = case family(private.to_inet(value)) when 4 then 32 else 128 end;
$$;


/*
 * Of the filters of a checked query, up to two of which an index has the rows
 * newest first, those that mostly find less before others.
 */
create or replace function private.audit_leads(filters jsonb) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
select array(
    select name
    from unnest(array['resource_id', 'user_id', 'user_email', 'ip_address', 'success', 'action', 'resource_type'])
        with ordinality as f (name, place)
    where filters ? name and case name
        when 'user_email' then not filters ? 'user_id'
        when 'ip_address' then private.audit_is_address(filters ->> 'ip_address')
        when 'success' then filters ->> 'success' <> 'true'
        else true
    end
    order by place
    limit 2
);
$$;


-- The condition of ids from $2 on and below $3, which may have no value.
create or replace function private.audit_range(upper uuid) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case when upper is null then 'id >= $2' else 'id >= $2 and id < $3' end;
$$;


/*
 * How far to look through the rows of filters at once: along the index of that
 * one of two filters which goes further back with as many rows.
 *
 * lowest  the id to begin with, and upper the one before which to end, or NULL
 * most    rows
 *
 * Returns that filter (empty: there is none), and the id of its last row (NULL:
 * it has no more rows than that).
 */
create or replace function private.audit_stretch(
    filters jsonb, lowest uuid, upper uuid, most integer, out lead text, out last_id uuid
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    leads constant text[] := private.audit_leads(filters);
    range constant text := private.audit_range(upper);
    name text;
    candidate uuid;
begin
    -- without any, all rows are looked through
    foreach name in array case leads when '{}' then '{""}' else leads end loop
        execute format(
            'select id from public.audit_logs where %s and %s order by id desc offset $4 - 1 limit 1',
            range, private.audit_where(jsonb_build_object(name, filters -> name))
        ) into candidate using filters, lowest, upper, most;

        if lead is null or candidate is null or candidate < last_id then
            lead := name;
            last_id := candidate;
        end if;

        exit when candidate is null;
    end loop;
end
$$;


/*
 * A page of what a checked query finds, newest first.
 *
 * Two filters that find much each may find nothing together, and no index helps
 * q.  So rows are looked through in stretches, and after a while the page is
 * given as far as it has come: it may be short, or empty, and not the last.
 *
 * page_size  rows, at most
 * patience   how long to go on while the page is not full
 *
 * Returns the rows, and the id behind which the next page begins (NULL: it is
 * the last one).
 */
drop function if exists private.audit_page(jsonb, integer, integer);

create or replace function private.audit_page(
    query jsonb, page_size integer, patience interval,
    out entries public.audit_logs[], out last_id uuid
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    begun constant timestamptz := clock_timestamp();
    filters constant jsonb := query - array['from', 'to', 'cursor', 'limit', 'q'];
    -- the index has the very rows in their order
    is_direct constant boolean := not query ? 'q' and filters - (private.audit_leads(filters))[:1] = '{}';
    first constant timestamptz := coalesce(private.to_time(query ->> 'from'), '-infinity');
    beyond constant timestamptz := coalesce(private.to_time(query ->> 'to'), 'infinity');
    -- ids have the time of the request, which may have started some minutes before
    lowest constant uuid := coalesce(
        private.uuid_at(private.to_time(query ->> 'from') - interval '10 minutes'),
        '00000000-0000-0000-0000-000000000000'
    );
    upper uuid := least(
        private.uuid_at(private.to_time(query ->> 'to') + interval '10 minutes'),
        private.audit_cursor_id(query ->> 'cursor')
    );
    conditions text := 'timestamp >= $4 and timestamp < $5';
    pattern text;
    stretch record;
    -- rows of a stretch: what is long ago is on a page of the disk each
    most integer := case when query ? 'q' then 1000 else 125 end;
    is_few boolean := false;
    found public.audit_logs[];
begin
    entries := '{}';

    -- rows of a network are in no order, but few can be sorted
    if filters ? 'ip_address' and not private.audit_leads(filters) && array['resource_id', 'ip_address'] then
        -- an index finds a network only when it is known to the planner
        execute format(
            'select count(*) <= 2000 from (select from public.audit_logs where %s limit 2001) s',
            private.audit_where(jsonb_build_object('ip_address', filters -> 'ip_address'))
        ) into is_few using filters;
    end if;

    if query ? 'q' then
        pattern := lower(
            '%' || regexp_replace(query ->> 'q', '([\\%_])', '\\\1', 'g') || '%' collate "und-x-icu"
        );
        conditions := conditions || ' and lower(concat_ws(e''\n'', user_email, resource_id, error_message,'
            ' user_agent, details ->> ''path'') collate "und-x-icu") like $6';
    end if;

    loop
        if is_direct or is_few then
            select 'ip_address' as lead, null::uuid as last_id into stretch;
        else
            most := least(2 * most, 1000);
            stretch := private.audit_stretch(filters, lowest, upper, most);
        end if;

        -- the inner limit keeps the planner to the lead
        execute format(
            'select array_agg(a order by id desc) from ('
            '    select * from ('
            '        select * from public.audit_logs where %s and %s %s'
            '    ) s where %s and %s order by id desc limit $8'
            ') a',
            private.audit_range(upper),
            case
                when is_direct then private.audit_where(filters) || ' and ' || conditions
                else private.audit_where(jsonb_build_object(stretch.lead, filters -> stretch.lead))
            end,
            case when is_few then 'offset 0' else 'order by id desc limit $7' end,
            case when is_direct then 'true' else private.audit_where(filters - stretch.lead) end,
            conditions
        ) into found using filters, coalesce(stretch.last_id, lowest), upper, first, beyond, pattern,
            case when is_direct then page_size + 1 else most end, page_size + 1 - cardinality(entries);

        entries := entries || coalesce(found, '{}');
        last_id := stretch.last_id;
        upper := last_id;

        if cardinality(entries) > page_size then
            last_id := (entries[page_size]).id;
            entries := entries[:page_size];
            return;
        end if;

        exit when last_id is null or clock_timestamp() >= begun + patience;
    end loop;
end
$$;


/*
 * GET /api/admin/audit-logs: newest first.
 *
 * query  any of action, user_id, user_email, resource_type, resource_id,
 *        success (true, false, unknown), ip_address (address or network),
 *        from (inclusive) and to (exclusive) in RFC 3339, q (part of e-mail
 *        address, resource_id, error_message, user_agent or path, in upper or
 *        lower case), limit (1 to 200, else 50), cursor
 *
 * Returns {"items": [...], "next_cursor": text or null}.  LG422: see errors.
 *
 * A call looks for a quarter of a second for q, which no index helps, and for
 * 5 ms in other cases: then a page may have fewer items than its limit, or none,
 * and still a next_cursor.
 */
create or replace function api.audit_logs(request jsonb) returns api.reply
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    query constant jsonb := coalesce(request -> 'query', '{}');
    page record;
begin
    perform private.audit_check(query);

    select * into page
    from private.audit_page(
        query, coalesce((query ->> 'limit')::integer, 50),
        case when query ? 'q' then interval '250 milliseconds' else interval '5 milliseconds' end
    );

    return row(
        200,
        jsonb_build_object(
            'items', (
                select coalesce(jsonb_agg(private.audit_item(e) order by e.id desc), '[]')
                from unnest(page.entries) as e
            ),
            'next_cursor', private.audit_cursor(page.last_id)
        ),
        null,
        false
    )::api.reply;
end
$$;
