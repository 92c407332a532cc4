/*
 * The audit log as a file, page by page.
 */


/*
 * A cell of RFC 4180.  A text that a spreadsheet would take for a formula gets
 * an apostrophe in front, which it takes for the sign of a text.
 *
 * This and the next have a body that is parsed now, and so need no search_path,
 * which would keep them from becoming part of the query that calls them.
 */
create or replace function private.csv_cell(value text) returns text
language sql immutable parallel safe
return case
    when value is null then ''
    else '"' || replace(
        case
            when value ~ '^[[:space:]]*[-=+@|%\uff1d\uff0b\uff0d\uff20\t\r\n]' then '''' || value
            else value
        end,
        '"', '""'
    ) || '"'
end;


-- A row of audit_logs as a line of CSV, or the line of names for NULL.
create or replace function private.audit_csv(entry public.audit_logs) returns text
language sql stable parallel safe
return case
    when entry.id is null then
        'id,timestamp,action,user_id,user_email,resource_type,resource_id,success,'
        'error_message,ip_address,user_agent,details'
    else concat_ws(
        ',',
        entry.id::text,
        to_char(entry.timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        private.csv_cell(entry.action),
        coalesce(entry.user_id::text, ''),
        private.csv_cell(entry.user_email),
        private.csv_cell(entry.resource_type),
        private.csv_cell(entry.resource_id),
        coalesce(entry.success::text, ''),
        private.csv_cell(entry.error_message),
        coalesce(host(entry.ip_address), ''),
        private.csv_cell(entry.user_agent),
        private.csv_cell(entry.details::text)
    )
end || e'\r\n';


/*
 * GET /api/admin/audit-logs as text/csv or application/x-ndjson: a page of
 * everything that the query finds, newest first.  What is added meanwhile is
 * not in it, unless it is older than the page.
 *
 * request  with format, csv or ndjson; query as for the list, without limit
 * after    next of the page before, NULL for the first, which adds a row to
 *          the log: who took it along
 *
 * Returns the lines, next (NULL: that was all), and whether a row was added.
 * LG422: see errors.
 */
create or replace function api.audit_export(
    request jsonb, after text, out rows text, out next text, out audited boolean
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    query jsonb := coalesce(request -> 'query', '{}');
    format constant text := request ->> 'format';
    page record;
begin
    perform private.audit_check(query);

    if query ? 'limit' then
        perform private.refuse(422, 'An export is all that there is: leave limit out.', jsonb_build_array(
            jsonb_build_object('field', 'limit', 'message', 'Leave it out.')));
    end if;

    if after is not null then
        query := query || jsonb_build_object('cursor', after);
    end if;

    select * into page from private.audit_page(query, 200, '100 milliseconds');

    select string_agg(
        case format
            when 'csv' then private.audit_csv(e)
            else private.audit_item(e)::text || e'\n'
        end,
        '' order by e.id desc
    ) into rows
    from unnest(page.entries) as e;

    rows := coalesce(rows, '');
    next := private.audit_cursor(page.last_id);
    audited := after is null;

    if audited then
        if format = 'csv' then
            rows := private.audit_csv(null) || rows;
        end if;

        perform private.audit(
            request, 'access_granted', (request #>> '{principal,user_id}')::bigint,
            request #>> '{principal,email}', 'audit_log', null, 200,
            jsonb_build_object('export', format, 'filters', query), null
        );
    end if;
end
$$;
