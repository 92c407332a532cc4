/*
 * What the functions of all groups are made of: refusals, values in and out of
 * JSON, and moments in UUIDs.
 *
 * Every function names its objects with their schema or pins search_path, so
 * that nothing a caller has set decides what is called.
 */


/*
 * Ends the transaction with a refusal for the caller.
 *
 * status    HTTP status: 400, 401, 403, 404, 409, 422 or 429
 * sentence  for a person, about what to do
 * errors    for 422: [{"field", "message"}], else NULL
 *
 * Raises SQLSTATE 'LG' + status with the sentence as message and the errors as
 * detail.
 */
create or replace function private.refuse(
    status integer, sentence text, errors jsonb default null
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if errors is null then
        raise exception using errcode = 'LG' || status, message = sentence;
    end if;

    raise exception using
        errcode = 'LG' || status, message = sentence, detail = errors::text;
end
$$;


-- RFC 3339 in UTC with microseconds: 2026-11-23T02:35:27.000000Z
create or replace function private.to_json_time(moment timestamptz)
returns text
language sql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
select to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
$$;


-- A moment from RFC 3339, or NULL when the text is not one.
create or replace function private.to_time(value text) returns timestamptz
language plpgsql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if value !~* '^\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d(\.\d{1,9})?(z|[+-]\d\d:\d\d)$' then
        return null;
    end if;

    return value::timestamptz;
exception
    when data_exception then return null;
end
$$;


-- An address or network, or NULL when the text is neither ("unix:").
create or replace function private.to_inet(value text) returns inet
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return value::inet;
exception
    when data_exception then return null;
end
$$;


-- The first UUIDv7 of a moment's millisecond, smaller than all others of it.
create or replace function private.uuid_at(moment timestamptz) returns uuid
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
select rpad(
    lpad(to_hex(greatest(0, floor(extract(epoch from moment) * 1000))::bigint), 12, '0'), 32, '0'
)::uuid;
$$;


-- The moment of a UUIDv7, to the millisecond.
create or replace function private.uuid_time(id uuid) returns timestamptz
language sql immutable strict parallel safe
return to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0);


-- A new UUIDv7, for a second row in the audit log.
create or replace function private.uuid_mint() returns uuid
language sql
set search_path = pg_catalog, pg_temp
as $$
-- bits 52 and 53, beside 54 of version 4
select encode(set_bit(set_bit(overlay(
    uuid_send(gen_random_uuid())
    placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
    from 1 for 6
), 52, 1), 53, 1), 'hex')::uuid;
$$;


-- The version of migrations and functions, as sql/migrate left it; for the
-- gateway and for people.
create or replace function api.schema_version() returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select version from api.version;
$$;
