/*
 * Users: what the API shows of them, and how the owner makes them.
 */


-- {id, email, name, role, is_active, created_at, last_login}
create or replace function private.user_object(account public.users)
returns jsonb
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select jsonb_build_object(
    'id', account.id,
    'email', account.email,
    'name', account.name,
    'role', account.role,
    'is_active', account.is_active,
    'created_at', private.to_json_time(account.created_at),
    'last_login', private.to_json_time(account.last_login)
);
$$;


/*
 * Makes a user; for the owner, as for the first administrator.
 *
 * email            3 to 254 characters with one @, kept as written but for
 *                  spaces around it
 * name             1 to 200 characters
 * hashed_password  of crypt(3), never a password
 * role             a name of the gateway's configuration, such as admin
 *
 * Returns the id.  LG409: the address is in use.  23514: a value breaks a
 * constraint of the table.
 */
create or replace function private.create_user(
    email text, name text, hashed_password text, role text default 'user'
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    new_id bigint;
begin
    insert into public.users as u (email, name, hashed_password, role)
    values (btrim($1), $2, $3, $4)
    on conflict ((private.canonical_email(u.email)) collate "C") do nothing
    returning u.id into new_id;

    if new_id is null then
        perform private.refuse(409, 'A user with this e-mail address exists already.');
    end if;

    return new_id;
end
$$;


/*
 * As private.create_user, but a user of that address is given the name, the
 * password and the role, is active again, and all sessions of the user end.
 * Returns the id.
 */
create or replace function private.ensure_user(
    email text, name text, hashed_password text, role text default 'user'
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    changed_id bigint;
begin
    -- that of private.users_lock
    perform pg_advisory_xact_lock(hashtext('leadgen users'));

    update public.users u
    set
        name = $2,
        hashed_password = $3,
        role = $4,
        is_active = true
    where (private.canonical_email(u.email)) collate "C" = private.canonical_email($1)
    returning u.id into changed_id;

    if changed_id is null then
        return private.create_user($1, $2, $3, $4);
    end if;

    perform private.end_sessions(changed_id);
    perform private.revoke(changed_id);

    return changed_id;
end
$$;
