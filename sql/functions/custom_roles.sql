/*
 * Roles beside those of the configuration: the calls below /api/admin/roles that
 * change something, and what gateways are told.
 *
 * request  as for every endpoint, with "roles" of the gateway's configuration
 */


/*
 * Refuses a body with fields that are not allowed, missing or out of bounds:
 * LG422 naming each.
 */
create or replace function private.custom_role_check(request jsonb, fields text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    body constant jsonb := request -> 'body';
    errors jsonb;
begin
    if jsonb_typeof(body) is distinct from 'object' then
        perform private.refuse(422, 'Send one JSON object.');
    end if;

    select jsonb_agg(jsonb_build_object('field', f.name, 'message', m.message) order by f.name)
    into errors
    from (
        select b.key, b.value from jsonb_each(body) b
        union all
        select r.name, 'null' from unnest(fields) as r (name) where not body ? r.name
    ) as f (name, value)
    cross join lateral (select case
        when not f.name = any(fields) then
            'There is no such field: there are ' || array_to_string(fields, ', ') || '.'
        when f.name = 'name' and (
            jsonb_typeof(f.value) <> 'string' or f.value #>> '{}' !~ '^[a-z][a-z0-9_-]{0,62}$'
        ) then
            'Send a-z, 0-9, "_" and "-", a letter first, 63 characters at most.'
        when f.name = 'permissions' and private.permission_names(f.value) is null then
            'Send an array of permissions, each once: GET /api/admin/roles has their names.'
    end) as m (message)
    where m.message is not null;

    if errors is not null then
        perform private.refuse(422, 'Mend the fields listed in errors and send it again.', errors);
    end if;
end
$$;


-- The names in an array of permissions, in order; NULL: it is none.
create or replace function private.permission_names(value jsonb) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
select case when count(distinct p.name) = count(*) and count(*) = jsonb_array_length(value) then
    coalesce(array_agg(p.name order by p.name collate "C"), '{}')
end
from jsonb_array_elements(case jsonb_typeof(value) when 'array' then value else '[null]' end) as e (item)
left join private.permissions() p on to_jsonb(p.name) = e.item
having jsonb_typeof(value) = 'array';
$$;


/*
 * The custom role whose name is in the path.  LG404: there is none.  LG409: it
 * is one of the configuration.
 */
create or replace function private.custom_role_of_path(request jsonb) returns public.roles
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    found_role public.roles;
begin
    perform private.custom_role_is_free(request, request #>> '{params,name}');

    select * into found_role from public.roles r where r.name = request #>> '{params,name}';

    if found_role.name is null then
        perform private.refuse(404, 'There is no role of this name.');
    end if;

    return found_role;
end
$$;


-- LG409: the role is one of the gateway's configuration.
create or replace function private.custom_role_is_free(request jsonb, name text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if (request -> 'roles' ? name) is not false then
        perform private.refuse(
            409, format('The role %s stands in the configuration of the gateway: change it there.', name)
        );
    end if;
end
$$;


-- Tells every gateway, when the transaction commits, and writes the audit row.
create or replace function private.custom_role_changed(
    request jsonb, name text, status integer, more jsonb
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    next_version bigint;
begin
    update public.roles_version v
    set version = greatest(v.version + 1, floor(extract(epoch from clock_timestamp()) * 1000000)::bigint)
    returning v.version into next_version;

    perform pg_notify('leadgen_roles', next_version::text);
    perform private.audit(
        request, 'settings_updated', (request #>> '{principal,user_id}')::bigint, request #>> '{principal,email}',
        'role', name, status, more, null
    );
end
$$;


-- A custom role as the API shows it.
create or replace function private.custom_role_object(entry public.roles) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
select jsonb_build_object('name', entry.name, 'permissions', to_jsonb(entry.permissions), 'custom', true);
$$;


/*
 * POST /api/admin/roles.
 *
 * LG403: it would grant what the caller's role does not.  LG409: there is one of
 * that name, or there are 256.  LG422: see errors.
 */
create or replace function api.role_create(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    body constant jsonb := request -> 'body';
    made public.roles;
begin
    perform private.users_lock(request);
    perform private.custom_role_check(request, array['name', 'permissions']);
    perform private.custom_role_is_free(request, body ->> 'name');
    perform private.permissions_within(request, body ->> 'name', body -> 'permissions', 'permissions');

    if (select count(*) >= 256 from public.roles) then
        perform private.refuse(409, 'There are 256 roles: delete one first.');
    end if;

    insert into public.roles (name, permissions)
    values (body ->> 'name', private.permission_names(body -> 'permissions'))
    on conflict do nothing
    returning * into made;

    if made.name is null then
        perform private.refuse(
            409, 'A role of this name exists already.', '[{"field": "name", "message": "There is one."}]'
        );
    end if;

    perform private.custom_role_changed(
        request, made.name, 201, jsonb_build_object('permissions', jsonb_build_object('to', to_jsonb(made.permissions)))
    );

    return row(201, private.custom_role_object(made), '/api/admin/roles/' || made.name, true)::api.reply;
end
$$;


/*
 * PUT /api/admin/roles/:name: gives it other permissions.
 *
 * LG403: it grants, or would grant, what the caller's role does not.  LG404.
 * LG409: it is of the configuration.  LG422: see errors.
 */
create or replace function api.role_update(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    body constant jsonb := request -> 'body';
    before public.roles;
    after public.roles;
begin
    perform private.users_lock(request);
    perform private.custom_role_check(request, array['permissions']);

    before := private.custom_role_of_path(request);
    perform private.permissions_within(request, before.name, to_jsonb(before.permissions), null);
    perform private.permissions_within(request, before.name, body -> 'permissions', 'permissions');

    update public.roles r
    set permissions = private.permission_names(body -> 'permissions'), updated_at = now()
    where r.name = before.name
    returning * into after;

    perform private.custom_role_changed(request, after.name, 200, jsonb_build_object(
        'permissions', jsonb_build_object('from', to_jsonb(before.permissions), 'to', to_jsonb(after.permissions))
    ));

    return row(200, private.custom_role_object(after), null, true)::api.reply;
end
$$;


/*
 * DELETE /api/admin/roles/:name.
 *
 * LG403: it grants what the caller's role does not.  LG404.  LG409: it is of the
 * configuration, or users have it.
 */
create or replace function api.role_delete(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before public.roles;
    holders bigint;
begin
    perform private.users_lock(request);

    before := private.custom_role_of_path(request);
    perform private.permissions_within(request, before.name, to_jsonb(before.permissions), null);

    select count(*) into holders from public.users u where u.role = before.name;

    if holders > 0 then
        perform private.refuse(
            409, format('%s users have the role %s: give them another one first.', holders, before.name)
        );
    end if;

    delete from public.roles r where r.name = before.name;

    perform private.custom_role_changed(request, before.name, 204, jsonb_build_object(
        'permissions', jsonb_build_object('from', to_jsonb(before.permissions))
    ));

    return row(204, null, null, true)::api.reply;
end
$$;


/*
 * All custom roles, for a gateway: a row each, in the order of their bytes, or
 * one without a name when there are none.
 *
 * version      the same in all rows; also the payload of leadgen_roles
 * permissions  names with spaces between
 */
create or replace function api.roles_known()
returns table (version bigint, name text, permissions text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select v.version, r.name, array_to_string(r.permissions, ' ')
from public.roles_version v
left join public.roles r on true
order by r.name collate "C";
$$;
