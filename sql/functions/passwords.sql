/*
 * Passwords: changing one's own, and setting a forgotten one anew.  Only hashes
 * of crypt(3) come here.
 */


-- Whether a text is a hash in the form in which new ones are stored, yescrypt.
create or replace function private.is_password_hash(value text) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select coalesce(
    char_length(value) <= 255 and value ~ '^\$y\$[./0-9A-Za-z]+\$[./0-9A-Za-z]+\$[./0-9A-Za-z]+$', false
);
$$;


-- Refuses what is not such a hash: LG422 naming the field password.
create or replace function private.password_check(hashed_password text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not private.is_password_hash(hashed_password) then
        perform private.refuse(
            422, 'Mend the fields listed in errors and send it again.',
            '[{"field": "password", "message": "Send a password of 8 to 128 bytes."}]'
        );
    end if;
end
$$;


/*
 * The active user of a token, whose password is to be verified; no row: there
 * is none.
 *
 * account  as api.login_account gives it
 */
drop function if exists api.password_begin(jsonb);

create function api.password_begin(request jsonb)
returns table (user_id bigint, hashed_password text, account text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select u.id, u.hashed_password, private.canonical_email(u.email)
from public.users u
where u.id = (request #>> '{principal,user_id}')::bigint and u.is_active;
$$;


/*
 * Changes the password of the token's user.  All access tokens of the user are
 * refused from now on, and all sessions end but that of the token.
 *
 * request  as for every endpoint, and "password": {
 *              "verified": boolean,
 *              "repeatable": whether the gateway could begin again,
 *              "hashed_password_old": what was verified, or null,
 *              "hashed_password_new": yescrypt}
 *
 * Returns 200 and {"user", "session", "issued_at"}, for a new access token, with
 * session null when a foreign token has none here; or 422 without body, when it
 * was not verified or is another one meanwhile.  409 is login_finish's: begin
 * again.  LG401: that of private.caller_prove.
 */
create or replace function api.password_finish(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    password constant jsonb := request -> 'password';
    account_id constant bigint := request #>> '{principal,user_id}';
    account public.users;
    session uuid;
begin
    perform private.caller_prove(request, alone => true);

    if (password ->> 'verified')::boolean then
        perform private.password_check(password ->> 'hashed_password_new');

        update public.users u
        set hashed_password = password ->> 'hashed_password_new'
        where u.id = account_id
            and u.is_active
            and u.hashed_password = password ->> 'hashed_password_old'
        returning * into account;

        if account.id is null
            and (password ->> 'repeatable')::boolean
            and private.has_another_hash(account_id, password ->> 'hashed_password_old')
        then
            return row(409, null, null, false)::api.reply;
        end if;
    end if;

    if account.id is null then
        perform private.audit(
            request, 'user_updated', account_id, request #>> '{principal,email}',
            'user', account_id::text, 422, '{"changes": {}}', 'current password wrong'
        );
        return row(422, null, null, true)::api.reply;
    end if;

    select s.id into session
    from public.sessions s
    where s.id = (request #>> '{principal,session}')::uuid
        and s.user_id = account.id
        and s.revoked_at is null
        and s.expires_at > now();

    perform private.end_sessions(account.id, session);
    perform private.audit(
        request, 'user_updated', account.id, account.email, 'user', account.id::text, 200,
        '{"changes": {"password": {}}}', null
    );
    perform private.revoke(account.id);

    return row(200, private.session_object(account, session), null, true)::api.reply;
end
$$;


/*
 * Replaces a hash of an older kind by a yescrypt hash of the same password;
 * whoever is logged in stays so.  Returns whether it was still the old one.
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
        and old_hash not like '$y$%'
        and private.is_password_hash(new_hash);

    return found;
end
$$;


/*
 * POST /api/auth/password-reset: keeps a one-time token for somebody who forgot
 * the password, and leaves a mail with it in the outbox.  Three an hour are kept
 * for a user.
 *
 * request  as for every endpoint, and "reset": {
 *              "email": as typed,
 *              "token_hash": SHA-256 of the token in hexadecimal digits,
 *              "expires_in": seconds,
 *              "subject", "text": of the mail, which holds the token}
 *
 * Returns 202 without body, whether there is such a user or not.
 */
create or replace function api.password_reset_begin(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    reset constant jsonb := request -> 'reset';
    account public.users;
    failure text;
begin
    select * into account
    from public.users u
    where (private.canonical_email(u.email)) collate "C" = private.canonical_email(reset ->> 'email')
        and u.is_active
    for no key update;

    delete from public.password_resets p
    where p.user_id = account.id
        and greatest(p.created_at, p.expires_at) < now() - interval '1 hour';

    failure := case
        when account.id is null then 'user unknown'
        when (
            select count(*) >= 3
            from public.password_resets p
            where p.user_id = account.id and p.created_at > now() - interval '1 hour'
        ) then 'too many in an hour'
    end;

    if failure is null then
        insert into public.password_resets (hash, user_id, expires_at)
        values (
            decode(reset ->> 'token_hash', 'hex'),
            account.id,
            now() + make_interval(secs => (reset ->> 'expires_in')::double precision)
        );
        perform private.mail_send(account.email, reset ->> 'subject', reset ->> 'text', make_interval(secs => (reset ->> 'expires_in')::double precision));
    end if;

    perform private.audit(
        request, 'password_reset', account.id, reset ->> 'email', 'user', account.id::text,
        202, '{"step": "requested"}', failure
    );

    return row(202, null, null, true)::api.reply;
end
$$;


-- Refuses a one-time token: LG422 naming the field token.
create or replace function private.password_reset_refuse() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse(
        422, 'Ask for another mail: a link works once, and for half an hour.',
        '[{"field": "token", "message": "It is unknown, used or expired."}]'
    );
end
$$;


/*
 * Whether a one-time token could be spent now, before a password is hashed for
 * it.
 *
 * request  as for every endpoint, and "reset": {
 *              "token_hash": SHA-256 of the token in hexadecimal digits}
 *
 * Returns 204; LG422 naming the field token: it is unknown, used or expired.
 */
create or replace function api.password_reset_check(request jsonb) returns api.reply
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform
    from public.password_resets p
    join public.users u on u.id = p.user_id
    where p.hash = decode(request #>> '{reset,token_hash}', 'hex')
        and p.used_at is null
        and p.expires_at > now()
        and u.is_active;

    if not found then
        perform private.password_reset_refuse();
    end if;

    return row(204, null, null, false)::api.reply;
end
$$;


/*
 * POST /api/auth/password-reset/confirm: spends a one-time token for a new
 * password.  All sessions of the user end, all other one-time tokens, too.
 *
 * request  as for every endpoint, and "reset": {
 *              "token_hash": SHA-256 of the token in hexadecimal digits,
 *              "hashed_password": yescrypt}
 *
 * LG422 naming the field token: it is unknown, used or expired.
 */
create or replace function api.password_reset_confirm(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    presented constant bytea := decode(request #>> '{reset,token_hash}', 'hex');
    account public.users;
begin
    perform private.password_check(request #>> '{reset,hashed_password}');

    select u.* into account
    from public.password_resets p
    join public.users u on u.id = p.user_id
    where p.hash = presented and u.is_active
    for no key update of u;

    -- after the user's lock, so that of two calls at once one finds it used
    perform
    from public.password_resets p
    where p.hash = presented
        and p.user_id = account.id
        and p.used_at is null
        and p.expires_at > now();

    if not found then
        perform private.password_reset_refuse();
    end if;

    update public.users u
    set hashed_password = request #>> '{reset,hashed_password}'
    where u.id = account.id;

    update public.password_resets p
    set used_at = now()
    where p.user_id = account.id and p.used_at is null;

    perform private.end_sessions(account.id);
    perform private.audit(
        request, 'password_reset', account.id, account.email, 'user', account.id::text,
        204, '{"step": "confirmed"}', null
    );
    perform private.revoke(account.id);

    return row(204, null, null, true)::api.reply;
end
$$;
