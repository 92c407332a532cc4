/*
 * Sessions: prolonging them, and ending them.  Locks are taken in one order:
 * the user's row, the session's, that of revocations.
 */


/*
 * POST /api/auth/refresh: spends a refresh token and keeps its successor.
 *
 * request  as for every endpoint, and "refresh": {
 *              "token_hash": SHA-256 of the token presented,
 *              "new_token_hash": SHA-256 of its successor}
 *          in hexadecimal digits.  The gateway derives the successor from the
 *          token, so it is the same one however often the token is presented.
 *
 * The token whose successor is still unused may come again within 10 seconds:
 * an answer was lost, or two windows asked at once.  Any other second use means
 * that two have it: the session ends.
 *
 * Returns 200 and {"user", "session", "issued_at"}, for an access token; or 401
 * without body.
 */
create or replace function api.refresh(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    presented constant bytea := decode(request #>> '{refresh,token_hash}', 'hex');
    next constant bytea := decode(request #>> '{refresh,new_token_hash}', 'hex');
    account public.users;
    session public.sessions;
    token public.refresh_tokens;
    is_repeated boolean;
    failure text;
begin
    select u.* into account
    from public.refresh_tokens t
    join public.sessions s on s.id = t.session_id
    join public.users u on u.id = s.user_id
    where t.hash = presented
    for share of u;

    select s.* into session
    from public.refresh_tokens t
    join public.sessions s on s.id = t.session_id
    where t.hash = presented
    for no key update of s;

    -- after the session's lock, so that it is as the call before left it
    select t.* into token from public.refresh_tokens t where t.hash = presented;

    is_repeated := token.used_at is not null;
    failure := case
        when token.hash is null then 'refresh token unknown'
        when session.revoked_at is not null then 'session ended'
        when session.expires_at <= now() then 'session expired'
        when not account.is_active then 'user inactive'
        when is_repeated and not (
            token.used_at > clock_timestamp() - interval '10 seconds'
            and token.successor = next
            and exists (
                select from public.refresh_tokens t
                where t.hash = token.successor and t.used_at is null
            )
        ) then 'refresh token reused'
    end;

    if failure = 'refresh token reused' then
        update public.sessions s set revoked_at = now() where s.id = session.id;
    elsif failure is null and not is_repeated then
        update public.refresh_tokens t
        set used_at = clock_timestamp(), successor = next
        where t.hash = presented;

        insert into public.refresh_tokens (hash, session_id) values (next, session.id);
    end if;

    perform private.audit(
        request, 'token_refresh', account.id, account.email, 'user', account.id::text,
        case when failure is null then 200 else 401 end,
        jsonb_build_object('session', session.id, 'repeated', is_repeated),
        failure
    );

    if failure = 'refresh token reused' then
        perform private.revoke(account.id, session.id);
    end if;

    if failure is not null then
        return row(401, null, null, true)::api.reply;
    end if;

    return row(200, private.session_object(account, session.id), null, true)::api.reply;
end
$$;


/*
 * POST /api/auth/logout: ends the session of the token, or with the body
 * {"everywhere": true} all sessions of its user.  A foreign token, of no session
 * known here, ends with all tokens of its user.
 *
 * LG401: that of private.caller_prove.  LG422: see errors.
 */
create or replace function api.logout(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account_id constant bigint := request #>> '{principal,user_id}';
    account_email constant text := request #>> '{principal,email}';
    body constant jsonb := coalesce(nullif(request -> 'body', 'null'), '{}');
    session uuid := request #>> '{principal,session}';
    errors jsonb;
begin
    perform private.caller_prove(request, alone => true);

    select jsonb_agg(jsonb_build_object('field', f.name, 'message', m.message) order by f.name)
    into errors
    from jsonb_each(body) as f (name, value)
    cross join lateral (select case
        when f.name <> 'everywhere' then 'There is no such field: there is everywhere.'
        when jsonb_typeof(f.value) <> 'boolean' then 'Send true or false.'
    end) as m (message)
    where m.message is not null;

    if errors is not null then
        perform private.refuse(422, 'Mend the fields listed in errors and send it again.', errors);
    end if;

    if body ->> 'everywhere' = 'true' then
        session := null;
    else
        update public.sessions s
        set revoked_at = now()
        where s.id = session and s.user_id = account_id
        returning s.id into session;
    end if;

    if session is null then
        perform private.end_sessions(account_id);
    end if;

    perform private.audit(
        request, 'logout', account_id, account_email, 'user', account_id::text, 204,
        jsonb_build_object('session', request #> '{principal,session}', 'everywhere', session is null),
        null
    );
    perform private.revoke(account_id, session);

    return row(204, null, null, true)::api.reply;
end
$$;
