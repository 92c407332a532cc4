/*
 * Logging in.  The gateway asks for the hash, verifies the password against it
 * outside of PostgreSQL, and then finishes the login in one transaction.
 */


/*
 * The one spelling of an e-mail address, for what is counted by account.
 */
create or replace function api.login_account(email text) returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select private.canonical_email($1);
$$;


/*
 * The active user of an e-mail address, as typed; no row: there is none.
 */
create or replace function api.login_begin(email text)
returns table (user_id bigint, hashed_password text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select u.id, u.hashed_password
from public.users u
where (private.canonical_email(u.email)) collate "C" = private.canonical_email($1)
    and u.is_active;
$$;


/*
 * Records a login and, if the password was right, opens the session.
 *
 * request  as for every endpoint, and "login": {
 *              "email": as typed,
 *              "user_id": what login_begin said, or null,
 *              "hashed_password": what was verified, or null,
 *              "verified": boolean,
 *              "session": UUID of the session to open,
 *              "refresh_token_hash": SHA-256 in hexadecimal digits,
 *              "refresh_expires_in": seconds,
 *              "failure": why it failed, for the audit log, or null}
 *
 * Returns 200 and the user; or 401 without body, when it was not verified, or
 * the user was deactivated, deleted or given another password meanwhile.
 */
create or replace function api.login_finish(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    login constant jsonb := request -> 'login';
    account public.users;
begin
    if (login ->> 'verified')::boolean then
        update public.users u
        set last_login = now()
        where u.id = (login ->> 'user_id')::bigint
            and u.is_active
            and u.hashed_password = login ->> 'hashed_password'
        returning * into account;
    end if;

    if account.id is null then
        perform private.audit(
            request, 'login', (login ->> 'user_id')::bigint, login ->> 'email',
            'user', login ->> 'user_id', 401, '{}',
            coalesce(login ->> 'failure', 'credentials invalid')
        );
        return row(401, null, null, true)::api.reply;
    end if;

    insert into public.sessions (
        id, user_id, refresh_token_hash, expires_at, ip_address, user_agent
    ) values (
        (login ->> 'session')::uuid,
        account.id,
        decode(login ->> 'refresh_token_hash', 'hex'),
        now() + make_interval(secs => (login ->> 'refresh_expires_in')::double precision),
        private.to_inet(request ->> 'ip_address'),
        request ->> 'user_agent'
    );

    perform private.audit(
        request, 'login', account.id, account.email,
        'user', account.id::text, 200,
        jsonb_build_object('session', login -> 'session'), null
    );

    return row(200, private.user_object(account), null, true)::api.reply;
end
$$;


/*
 * Replaces a bcrypt hash by a new hash of the same password; whoever is logged
 * in stays so.  Returns whether it was still the old one.
 */
create or replace function api.password_upgrade(user_id bigint, old_hash text, new_hash text)
returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update public.users u
    set hashed_password = new_hash
    where u.id = $1
        and u.is_active
        and u.hashed_password = old_hash
        and old_hash like '$2%'
        and new_hash like '$y$%';

    return found;
end
$$;


/*
 * GET /api/auth/me: the user of the token.  LG404: gone since.
 */
create or replace function api.me(request jsonb) returns api.reply
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account public.users;
begin
    select * into account
    from public.users u
    where u.id = (request #>> '{principal,user_id}')::bigint;

    if account.id is null then
        perform private.refuse(404, 'The user of this token does not exist any more.');
    end if;

    return row(200, private.user_object(account), null, false)::api.reply;
end
$$;
