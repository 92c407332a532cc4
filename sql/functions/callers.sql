/*
 * Who calls: whether what the gateway was told by a token holds still, in the
 * transaction that changes something for it.
 *
 * principal  of the request: {"user_id", "email", "role", "permissions",
 *            "session": of the token, zeros for none,
 *            "issued_at": its iat, seconds since 1970, 0 for none,
 *            "is_foreign": whether an issuer made it whose tokens this gateway
 *                          does not sign,
 *            "required": permissions that the call needs, when the role is one
 *                        of the database, else null}
 *
 * Gateways of a version before these do without the last three: what they send
 * is taken for a token of their own.
 */


/*
 * Lets the transaction go on if its caller is an active user and, of a token of
 * ours, has the token's role and a session that lives; of a foreign one the role
 * is what the token says.  No token counts that was issued before a revocation
 * or a change of its user.  Nothing of this changes before the transaction ends:
 * it keeps the locks of the user's row, then of the session's, then of the
 * role's.
 *
 * alone  whether the lock of the user's row is one that no other caller has
 *        meanwhile: so for who may change that row, or the user's sessions
 *
 * Call it first.  LG401: it is not so.  LG403: the role does not grant any more
 * what the call needs.
 */
create or replace function private.caller_prove(request jsonb, alone boolean default false)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    caller constant jsonb := request -> 'principal';
    account_id constant bigint := caller ->> 'user_id';
begin
    if alone then
        perform from public.users u where u.id = account_id for no key update;
    end if;

    if (caller ->> 'is_foreign')::boolean then
        perform from public.users u where u.id = account_id and u.is_active for share;
    else
        perform
        from public.users u
        join public.sessions s on s.user_id = u.id
        where u.id = account_id
            and u.is_active
            and u.role = caller ->> 'role'
            and s.id = (caller ->> 'session')::uuid
            and s.revoked_at is null
            and s.expires_at > now()
        for share of u, s;
    end if;

    -- in a statement of its own, which sees what was committed before the lock
    if not found or exists (
        select from public.revocations r
        where r.kind = 'user'
            and r.user_id = account_id
            and r.epoch > to_timestamp((caller ->> 'issued_at')::bigint)
    ) or exists (
        select from public.sessions s
        where s.id = (caller ->> 'session')::uuid and s.revoked_at is not null
    ) then
        perform private.refuse(401, 'Log in again.');
    end if;

    if jsonb_typeof(caller -> 'required') = 'array' then
        perform
        from public.roles r
        where r.name = caller ->> 'role' and caller -> 'required' <@ to_jsonb(r.permissions)
        for share;

        if not found then
            perform private.refuse(403, 'Your role does not grant any more what this needs.');
        end if;
    end if;
end
$$;


/*
 * Whether the user of a foreign token may come in, for the gateway, which keeps
 * the answer with the token.
 *
 * resolved_at  second as of which this is so, since 1970: whatever makes it
 *              another answer has a later epoch, since it waits for the lock of
 *              the user's row
 */
create or replace function api.caller_resolve(
    user_id bigint, out is_active boolean, out resolved_at bigint
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from public.users u where u.id = $1 and u.is_active for share;

    is_active := found;
    resolved_at := private.issued_at($1);
end
$$;
