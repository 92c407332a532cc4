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


-- Whether the stored hash of an active user is another one than was verified.
create or replace function private.has_another_hash(user_id bigint, verified text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
select exists (
    select from public.users u
    where u.id = $1 and u.is_active and u.hashed_password <> verified
);
$$;


/*
 * What the gateway makes an access token from; the lock of the user's row is
 * held.
 *
 * session    UUID, or null
 * issued_at  the token's iat, seconds since 1970
 */
create or replace function private.session_object(account public.users, session uuid)
returns jsonb
language sql
set search_path = pg_catalog, pg_temp
as $$
select jsonb_build_object(
    'user', private.user_object(account),
    'session', session,
    'issued_at', private.issued_at(account.id)
);
$$;


/*
 * Records a login and, if the password was right, opens the session.
 *
 * request  as for every endpoint, and "login": {
 *              "email": as typed,
 *              "user_id": what login_begin said, or null,
 *              "hashed_password": what was verified, or null,
 *              "verified": boolean,
 *              "repeatable": whether the gateway could begin again,
 *              "session": UUID of the session to open,
 *              "refresh_token_hash": SHA-256 in hexadecimal digits,
 *              "refresh_expires_in": seconds,
 *              "failure": why it failed, for the audit log, or null}
 *
 * Of the user's sessions 20 stay, the oldest ends.
 *
 * Returns 200 and {"user", "session", "issued_at"}, for an access token; or 401
 * without body, when it was not verified, or the user was deactivated, deleted
 * or given another password meanwhile.  When what was verified is not the stored
 * hash any more, which may be another one of the same password, a repeatable
 * call changes and records nothing and returns 409: begin again.
 */
create or replace function api.login_finish(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    login constant jsonb := request -> 'login';
    account public.users;
    opened public.sessions;
    ended uuid[];
begin
    if (login ->> 'verified')::boolean then
        update public.users u
        set last_login = now()
        where u.id = (login ->> 'user_id')::bigint
            and u.is_active
            and u.hashed_password = login ->> 'hashed_password'
        returning * into account;

        if account.id is null
            and (login ->> 'repeatable')::boolean
            and private.has_another_hash((login ->> 'user_id')::bigint, login ->> 'hashed_password')
        then
            return row(409, null, null, false)::api.reply;
        end if;
    end if;

    if account.id is null then
        perform private.audit(
            request, 'login', (login ->> 'user_id')::bigint, login ->> 'email',
            'user', login ->> 'user_id', 401, '{}',
            coalesce(login ->> 'failure', 'credentials invalid')
        );
        return row(401, null, null, true)::api.reply;
    end if;

    delete from public.sessions s
    where s.user_id = account.id
        and least(s.revoked_at, s.expires_at) < now() - interval '1 day';

    insert into public.sessions as s (id, user_id, expires_at, ip_address, user_agent)
    values (
        (login ->> 'session')::uuid,
        account.id,
        now() + make_interval(secs => (login ->> 'refresh_expires_in')::double precision),
        private.to_inet(request ->> 'ip_address'),
        request ->> 'user_agent'
    )
    returning * into opened;

    insert into public.refresh_tokens (hash, session_id)
    values (decode(login ->> 'refresh_token_hash', 'hex'), opened.id);

    with oldest as (
        select s.id
        from public.sessions s
        where s.user_id = account.id and s.revoked_at is null and s.expires_at > now()
        order by s.created_at desc, s.id desc
        offset 20
    ), revoked as (
        update public.sessions s
        set revoked_at = now()
        from oldest
        where s.id = oldest.id
        returning s.id
    )
    select array_agg(r.id) into ended from revoked r;

    perform private.audit(
        request, 'login', account.id, account.email,
        'user', account.id::text, 200,
        jsonb_build_object('session', login -> 'session'), null
    );

    perform private.revoke(account.id, e.id) from unnest(ended) as e (id);

    return row(200, private.session_object(account, opened.id), null, true)::api.reply;
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
