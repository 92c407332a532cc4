/*
 * Whether there is something new in the audit log: for who looks again and
 * again, and would fill it with reads of itself.
 */


/*
 * GET /api/admin/audit-logs/newer
 *
 * query  filters as for the list, and after, the id of its first event; without
 *        it all that the filters find is new
 *
 * 200 with count, 50 at most, and more: whether there are more than that.
 * Reads of the log are left out: each would be followed by the next.  LG422:
 * see errors.
 */
create or replace function api.audit_newer(request jsonb) returns api.reply
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    filters jsonb := coalesce(request -> 'query', '{}');
    after constant text := filters ->> 'after';
    first uuid;
    page record;
    newer integer;
    errors jsonb;
begin
    filters := filters - 'after';

    select jsonb_agg(jsonb_build_object('field', w.field, 'message', w.message) order by w.field)
    into errors
    from (
        select 'after' as field, 'Send the id of an event, or leave it out.' as message
        where after !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        union all
        select f.name, 'It is for lists: leave it out.'
        from unnest(array['limit', 'cursor']) as f (name)
        where filters ? f.name
    ) as w;

    if errors is not null then
        perform private.refuse(422, 'Mend the parameters listed in errors and send it again.', errors);
    end if;

    perform private.audit_check(filters);

    if after is not null then
        first := after::uuid;
        filters := filters || jsonb_build_object('from', private.to_json_time(greatest(
            private.uuid_time(first), private.to_time(filters ->> 'from')
        )));
    end if;

    select * into page from private.audit_page(filters, 51, '5 milliseconds');

    select count(*) into newer
    from unnest(page.entries) as e
    where (first is null or e.id > first)
        and not (e.action = 'access_granted' and e.details ->> 'path' = '/api/admin/audit-logs');

    return row(
        200, jsonb_build_object('count', least(newer, 50), 'more', newer > 50), null, false
    )::api.reply;
end
$$;
