/*
 * Where users are logged in: the calls below /api/admin/users/:id/sessions.
 */


/*
 * GET /api/admin/users/:id/sessions: those that can still be prolonged, newest
 * first.
 *
 * query  nothing: a user has as many as logins of the last 30 days at most;
 *        the newest 200 are shown
 *
 * Returns {"items": [{"id", "created_at", "expires_at", "last_used_at",
 * "ip_address", "user_agent"}], "next_cursor": null}.  LG404: there is no such
 * user.
 */
create or replace function api.user_sessions(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account constant public.users := private.user_of_path(request);
    items jsonb;
begin
    select jsonb_agg(jsonb_build_object(
        'id', s.id,
        'created_at', private.to_json_time(s.created_at),
        'expires_at', private.to_json_time(s.expires_at),
        'last_used_at', private.to_json_time(coalesce(
            (select max(t.used_at) from public.refresh_tokens t where t.session_id = s.id), s.created_at
        )),
        'ip_address', host(s.ip_address),
        'user_agent', s.user_agent
    ) order by s.created_at desc, s.id desc)
    into items
    from (
        select *
        from public.sessions s
        where s.user_id = account.id and s.revoked_at is null and s.expires_at > now()
        order by s.created_at desc, s.id desc
        limit 200
    ) s;

    return row(
        200, jsonb_build_object('items', coalesce(items, '[]'), 'next_cursor', null), null, false
    )::api.reply;
end
$$;


/*
 * DELETE /api/admin/users/:id/sessions: logs the user out everywhere.
 *
 * LG403: the user's role exceeds the caller's.  LG404: there is no such user.
 */
create or replace function api.user_sessions_end(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account public.users;
begin
    perform private.users_lock(request);

    account := private.user_of_path(request);
    perform private.role_within(request, account.role, null);

    perform from public.users u where u.id = account.id for no key update;
    perform private.end_sessions(account.id);
    perform private.user_audit(
        request, 'logout', account.id, 204, jsonb_build_object('everywhere', true, 'email', account.email)
    );
    perform private.revoke(account.id);

    return row(204, null, null, true)::api.reply;
end
$$;
