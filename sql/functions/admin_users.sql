/*
 * Administration of users: the calls below /api/admin/users.
 *
 * request  as for every endpoint; of those that change something also "roles":
 *          object, for each role of the gateway's configuration an array of
 *          its permissions
 */


-- All roles: those of the configuration, and of the database the others.
create or replace function private.roles_of(request jsonb)
returns table (name text, permissions jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
select c.key, c.value from jsonb_each(request -> 'roles') c
union all
select r.name, to_jsonb(r.permissions) from public.roles r where not request -> 'roles' ? r.name;
$$;


/*
 * A cursor is the last id of a page: a version byte and 8 bytes, in base64 that
 * needs no escaping in a URL.
 */
create or replace function private.user_cursor(id bigint) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
select translate(encode('\x02'::bytea || int8send(id), 'base64'), '+/', '-_');
$$;


-- The id of a cursor, or NULL when the text is not one.
create or replace function private.user_cursor_id(cursor text) returns bigint
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    id bigint;
begin
    id := ('x' || substr(encode(decode(translate(cursor, '-_', '+/'), 'base64'), 'hex'), 3))::bit(64)::bigint;

    if private.user_cursor(id) = cursor then
        return id;
    end if;

    return null;
exception
    when data_exception then return null;
end
$$;


-- The user whose id is in the path.  LG404: there is none.
create or replace function private.user_of_path(request jsonb) returns public.users
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    account_id constant text := request #>> '{params,id}';
    account public.users;
begin
    if account_id ~ '^[1-9][0-9]{0,17}$' then
        select * into account from public.users u where u.id = account_id::bigint;
    end if;

    if account.id is null then
        perform private.refuse(404, 'There is no user with this id.');
    end if;

    return account;
end
$$;


/*
 * The script of a letter, by blocks of Unicode; those of East Asia, which are
 * written together, are one. NULL: digits, marks and others that go with all.
 */
create or replace function private.script_of(letter text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case
    when not letter collate "und-x-icu" ~ '[[:alpha:]]' then null
    when ascii(letter) < 592 or ascii(letter) between 7680 and 7935
        or ascii(letter) between 11360 and 11391 or ascii(letter) between 42784 and 43007 then 'Latin'
    when ascii(letter) between 880 and 1023 or ascii(letter) between 7936 and 8191 then 'Greek'
    when ascii(letter) between 1024 and 1327 or ascii(letter) between 7296 and 7311
        or ascii(letter) between 11744 and 11775 or ascii(letter) between 42560 and 42655 then 'Cyrillic'
    when ascii(letter) between 1328 and 1423 then 'Armenian'
    when ascii(letter) between 1424 and 1535 then 'Hebrew'
    when ascii(letter) between 1536 and 2303 then 'Arabic'
    when ascii(letter) between 2304 and 4095 then 'block ' || ascii(letter) / 128
    when ascii(letter) between 4256 and 4351 or ascii(letter) between 7312 and 7359 then 'Georgian'
    when ascii(letter) between 4352 and 4607 or ascii(letter) between 11904 and 42127
        or ascii(letter) between 44032 and 55295 or ascii(letter) between 63744 and 64255
        or ascii(letter) between 131072 and 262143 then 'East Asian'
    else 'block ' || ascii(letter) / 256
end;
$$;


-- Whether no part of an address has letters of several scripts, of which some look alike.
create or replace function private.is_of_one_script(value text) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select coalesce(bool_and(of_part.scripts <= 1 or (of_part.scripts = 2 and of_part.latin and of_part.east_asian)), true)
from (
    select count(distinct l.script) as scripts, bool_or(l.script = 'Latin') as latin,
        bool_or(l.script = 'East Asian') as east_asian
    from regexp_split_to_table(value, '[.@]') with ordinality p (part, n)
    cross join lateral (
        select private.script_of(c.letter) as script
        from regexp_split_to_table(p.part, '') c (letter)
        where c.letter <> ''
    ) l
    group by p.n
) of_part;
$$;


/*
 * Whether a text has the form of an e-mail address that mail can be sent to, and that people can tell from others:
 * nothing in it is unseen, and its name has 64 bytes at most. For what is written; rows that are there may be others.
 */
create or replace function private.is_email(value text) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select char_length(value) between 3 and 254
    and char_length(private.canonical_email(value)) between 3 and 254
    and octet_length(split_part(value, '@', 1)) <= 64
    and value collate "und-x-icu"
        ~ '^[^@[:space:][:cntrl:]<>(),:;"\\\[\]]+@[^.@[:space:][:cntrl:]<>(),:;"\\\[\]]+([.][^.@[:space:][:cntrl:]<>(),:;"\\\[\]]+)*$'
    and not value ~ '[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f]'
    and not value ~ '[\u3164\ufe00-\ufe0f\ufeff\uffa0]'
    and (octet_length(value) = char_length(value) or private.is_of_one_script(private.canonical_email(value)));
$$;


/*
 * Refuses a body with fields that are not allowed, missing or out of bounds:
 * LG422 naming each.  In place of a password it has hashed_password.
 */
create or replace function private.user_check(request jsonb, allowed text[], required text[])
returns void
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

    with fields (name, value) as (
        select b.key, b.value from jsonb_each(body) b
        union all
        select r.name, 'null' from unnest(required) as r (name) where not body ? r.name
    ), texts as (
        select
            f.name,
            f.value,
            case when jsonb_typeof(f.value) = 'string' then f.value #>> '{}' end as text
        from fields f
    )
    select jsonb_agg(
        jsonb_build_object(
            'field', case t.name when 'hashed_password' then 'password' else t.name end,
            'message', m.message
        ) order by t.name
    )
    into errors
    from texts t
    cross join lateral (select case
        when not t.name = any(allowed) then
            'There is no such field: there are '
            || replace(array_to_string(allowed, ', '), 'hashed_password', 'password') || '.'
        when t.name = 'email' and private.is_email(btrim(t.text)) is not true then
            'Send an e-mail address such as ann@example.com, of 254 characters at most.'
        when t.name = 'name' and (
            t.text is null
            or char_length(btrim(t.text)) not between 1 and 200
            or t.text collate "und-x-icu" ~ '[[:cntrl:]]'
        ) then
            'Send 1 to 200 characters without control characters.'
        when t.name = 'reason' and (
            t.text is null
            or char_length(btrim(t.text)) not between 1 and 500
            or t.text collate "und-x-icu" ~ '[[:cntrl:]]'
        ) then
            'Send 1 to 500 characters without control characters, or leave it out.'
        when t.name = 'role' and not exists (select from private.roles_of(request) r where r.name = t.text) then
            'Send one of ' || (select string_agg(r.name, ', ' order by r.name) from private.roles_of(request) r) || '.'
        when t.name = 'is_active' and jsonb_typeof(t.value) <> 'boolean' then
            'Send true or false.'
        when t.name = 'hashed_password' and not private.is_password_hash(t.text) then
            'Send a password of 8 to 128 bytes.'
    end) as m (message)
    where m.message is not null;

    if errors is not null then
        perform private.refuse(422, 'Mend the fields listed in errors and send it again.', errors);
    end if;
end
$$;


/*
 * Changes of users wait here for each other, so that each sees the administrators
 * the one before has left.  LG401, LG403: those of private.caller_prove.
 */
create or replace function private.users_lock(request jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtext('leadgen users'));
    perform private.caller_prove(request, alone => true);
end
$$;


/*
 * The permissions of a role, as an array; none for a role that is neither in the
 * configuration nor in the database any more.
 */
create or replace function private.role_permissions(request jsonb, role text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if jsonb_typeof(request -> 'roles') is distinct from 'object' then
        raise exception 'the request has no roles';
    end if;

    return coalesce((select r.permissions from private.roles_of(request) r where r.name = role), '[]');
end
$$;


/*
 * Refuses permissions of a role that exceed those of the caller, as the gateway
 * has judged them and as they are now: LG403 naming them.
 *
 * field  of the body that is to blame, or NULL
 */
create or replace function private.permissions_within(request jsonb, role text, permissions jsonb, field text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    own constant jsonb := private.role_permissions(request, request #>> '{principal,role}');
    missing text;
begin
    select string_agg(p.name, ', ' order by p.name)
    into missing
    from jsonb_array_elements_text(permissions) as p (name)
    where (request #> '{principal,permissions}' ? p.name and own ? p.name) is not true;

    if missing is not null then
        perform private.refuse(
            403,
            format('The role %s grants what yours does not: %s.', role, missing),
            case when field is not null then
                jsonb_build_array(jsonb_build_object('field', field, 'message', 'It exceeds your own role.'))
            end
        );
    end if;
end
$$;


-- The same of the permissions that a role has.
create or replace function private.role_within(request jsonb, role text, field text)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
select private.permissions_within(request, role, private.role_permissions(request, role), field);
$$;


-- Refuses to give a role, unless the caller may: LG403 naming what is missing.
create or replace function private.role_grant(request jsonb, role text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if (request #> '{principal,permissions}' ? 'user:manage_roles') is not true then
        perform private.refuse(
            403,
            'This needs the permission user:manage_roles, which your role does not grant.',
            '[{"field": "role", "message": "This needs the permission user:manage_roles."}]'
        );
    end if;

    perform private.role_within(request, role, 'role');
end
$$;


/*
 * Refuses to take the last active administrator away, and to do so to oneself:
 * LG409.
 */
create or replace function private.user_keep(request jsonb, account public.users) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if account.id = (request #>> '{principal,user_id}')::bigint then
        perform private.refuse(
            409, 'Nobody can delete or deactivate themselves or change their own role: ask another administrator.'
        );
    end if;

    if account.role = 'admin' and account.is_active and not exists (
        select from public.users u
        where u.role = 'admin' and u.is_active and u.id <> account.id
    ) then
        perform private.refuse(409, 'This is the last active administrator: make another one first.');
    end if;
end
$$;


-- Writes the audit row of a change of a user.
create or replace function private.user_audit(
    request jsonb, action text, account_id bigint, status integer, more jsonb
) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
select private.audit(
    request, action, (request #>> '{principal,user_id}')::bigint, request #>> '{principal,email}',
    'user', account_id::text, status, more, null
);
$$;


/*
 * GET /api/admin/users: newest first.
 *
 * query  any of role, is_active (true or false), q (part of e-mail address or
 *        name, in upper or lower case), limit (1 to 200, else 50), cursor
 *
 * Returns {"items": [...], "next_cursor": text or null}.  LG422: see errors.
 */
create or replace function api.users(request jsonb) returns api.reply
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    query constant jsonb := coalesce(request -> 'query', '{}');
    errors jsonb;
    page_size integer;
    -- looked up once, not for each row
    wanted_role constant text := query ->> 'role';
    activity constant text := query ->> 'is_active';
    pattern text;
    before bigint;
    items jsonb;
    last_id bigint;
    is_more boolean;
begin
    select jsonb_agg(jsonb_build_object('field', f.name, 'message', m.message) order by f.name)
    into errors
    from jsonb_each_text(query) as f (name, value)
    cross join lateral (select case f.name
        when 'role' then case when f.value !~ '^[a-z][a-z0-9_-]{0,62}$' then
            'Send the name of a role.'
        end
        when 'is_active' then case when f.value not in ('true', 'false') then
            'Send true or false.'
        end
        when 'q' then case
            when char_length(f.value) not between 1 and 255 or f.value collate "und-x-icu" ~ '[[:cntrl:]]' then
                'Send 1 to 255 characters without control characters, or leave it out.'
        end
        when 'limit' then case
            when f.value !~ '^[0-9]{1,3}$' or f.value::integer not between 1 and 200 then
                'Send a whole number from 1 to 200.'
        end
        when 'cursor' then case when private.user_cursor_id(f.value) is null then
            'Send the next_cursor of the page before, as it was, or leave it out for the first page.'
        end
        else 'There is no such filter: there are role, is_active and q, and limit and cursor.'
        end
    ) as m (message)
    where m.message is not null;

    if errors is not null then
        perform private.refuse(422, 'Mend the filters listed in errors and send it again.', errors);
    end if;

    page_size := coalesce((query ->> 'limit')::integer, 50);
    pattern := lower(
        '%' || regexp_replace(query ->> 'q', '([\\%_])', '\\\1', 'g') || '%' collate "und-x-icu"
    );
    before := coalesce(private.user_cursor_id(query ->> 'cursor'), 9223372036854775807);

    with found as materialized (
        select *
        from public.users u
        where u.id < before
            and (wanted_role is null or u.role = wanted_role)
            and (activity is null or u.is_active = activity::boolean)
            and (pattern is null or u.searched like pattern)
        order by u.id desc
        limit page_size + 1
    ), page as (
        select * from found order by id desc limit page_size
    )
    select
        coalesce(jsonb_agg(private.user_object(p.*::public.users) order by p.id desc), '[]'),
        min(p.id),
        (select count(*) > page_size from found)
    into items, last_id, is_more
    from page p;

    return row(
        200,
        jsonb_build_object(
            'items', items,
            'next_cursor', case when is_more then private.user_cursor(last_id) end
        ),
        null,
        false
    )::api.reply;
end
$$;


-- GET /api/admin/users/:id.  LG404: there is none.
create or replace function api.user(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return row(200, private.user_object(private.user_of_path(request)), null, false)::api.reply;
end
$$;


/*
 * POST /api/admin/users: makes a user, of the role user unless the body says
 * another one.
 *
 * LG403: the caller may not give this role.  LG409: the e-mail address is in
 * use.  LG422: see errors.
 */
create or replace function api.user_create(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    body constant jsonb := request -> 'body';
    role constant text := coalesce(body ->> 'role', 'user');
    account public.users;
begin
    -- first, so that the role is not deleted meanwhile
    perform private.users_lock(request);
    perform private.user_check(
        request, array['email', 'name', 'hashed_password', 'role'], array['email', 'name', 'hashed_password']
    );

    if private.role_permissions(request, role) <@ private.role_permissions(request, 'user') then
        perform private.role_within(request, role, 'role');
    else
        perform private.role_grant(request, role);
    end if;

    insert into public.users as u (email, name, hashed_password, role)
    values (btrim(body ->> 'email'), btrim(body ->> 'name'), body ->> 'hashed_password', role)
    on conflict ((private.canonical_email(u.email)) collate "C") do nothing
    returning * into account;

    if account.id is null then
        perform private.user_email_taken();
    end if;

    perform private.user_audit(
        request, 'user_created', account.id, 201,
        jsonb_build_object('email', account.email, 'role', account.role)
    );

    return row(201, private.user_object(account), '/api/admin/users/' || account.id, true)::api.reply;
end
$$;


-- Refuses an e-mail address that another user has: LG409 naming the field.
create or replace function private.user_email_taken() returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
select private.refuse(
    409, 'A user with this e-mail address exists already.',
    '[{"field": "email", "message": "Another user has it."}]'
);
$$;


/*
 * PUT /api/admin/users/:id: changes what the body names; its reason, if there
 * is one, goes to the audit log.  Access tokens that say something else now are
 * refused; with a new password, or when the user is deactivated, all sessions
 * end.
 *
 * LG403: the user's role, or the one to be given, exceeds the caller's.  LG404.
 * LG409: the e-mail address is in use; the last active administrator or oneself
 * would be lost.  LG422: see errors.
 */
create or replace function api.user_update(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    body constant jsonb := request -> 'body';
    before public.users;
    after public.users;
    changes jsonb;
    reason constant jsonb := case when body ? 'reason' then
        jsonb_build_object('reason', btrim(body ->> 'reason'))
        else '{}'
    end;
begin
    perform private.users_lock(request);
    perform private.user_check(
        request, array['email', 'name', 'role', 'is_active', 'hashed_password', 'reason'], '{}'
    );

    before := private.user_of_path(request);
    perform private.role_within(request, before.role, null);

    after := jsonb_populate_record(before, body);
    after.email := btrim(after.email);
    after.name := btrim(after.name);

    if after.role <> before.role then
        perform private.role_grant(request, after.role);
    end if;

    if after.role <> before.role or (before.is_active and not after.is_active) then
        perform private.user_keep(request, before);
    end if;

    begin
        update public.users u
        set
            email = after.email,
            name = after.name,
            role = after.role,
            is_active = after.is_active,
            hashed_password = coalesce(body ->> 'hashed_password', u.hashed_password)
        where u.id = before.id
        returning * into after;
    exception
        when unique_violation then perform private.user_email_taken();
    end;

    changes := private.user_changes(before, after, body ? 'hashed_password');

    if changes ? 'password' or not after.is_active then
        perform private.end_sessions(after.id);
    end if;

    perform private.user_audit(
        request, 'user_updated', after.id, 200, jsonb_build_object('changes', changes) || reason
    );

    if changes ? 'role' then
        perform private.user_audit(
            request || jsonb_build_object('request_id', private.uuid_mint()), 'role_changed', after.id, 200,
            changes -> 'role' || jsonb_build_object('request_id', request -> 'request_id') || reason
        );
    end if;

    if changes - 'name' <> '{}' then
        perform private.revoke(
            after.id, is_change => after.is_active and changes - '{name,email,role}'::text[] = '{}'
        );
    end if;

    return row(200, private.user_object(after), null, true)::api.reply;
end
$$;


-- {field: {"from", "to"}} of what differs; of a password only that it does.
create or replace function private.user_changes(
    before public.users, after public.users, has_password boolean
) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
select coalesce(jsonb_object_agg(f.name, f.change), '{}')
from (
    select b.key, jsonb_build_object('from', b.value, 'to', to_jsonb(after) -> b.key)
    from jsonb_each(to_jsonb(before)) b
    where b.key in ('email', 'name', 'role', 'is_active')
        and b.value <> to_jsonb(after) -> b.key
    union all
    select 'password', '{}' where has_password
) as f (name, change);
$$;


/*
 * DELETE /api/admin/users/:id.
 *
 * LG403: the user's role exceeds the caller's.  LG404.  LG409: it is the last
 * active administrator, or oneself.
 */
create or replace function api.user_delete(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account public.users;
begin
    perform private.users_lock(request);

    account := private.user_of_path(request);
    perform private.role_within(request, account.role, null);
    perform private.user_keep(request, account);

    delete from public.users u where u.id = account.id;

    perform private.user_audit(
        request, 'user_deleted', account.id, 204,
        jsonb_build_object('email', account.email, 'role', account.role)
    );
    perform private.revoke(account.id);

    return row(204, null, null, true)::api.reply;
end
$$;
