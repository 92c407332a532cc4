/*
 * Revocation: from when on the access tokens of a user or of a session count.
 *
 * One clock decides, PostgreSQL's: it says both when a token is issued and from
 * which second on tokens are accepted.  Who issues or revokes holds the lock of
 * the user's row, or of the session's, so that the two never miss each other.
 */


-- Tokens of the user that were issued before this second are refused.
create or replace function private.user_epoch(user_id bigint) returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
select coalesce(extract(epoch from max(r.epoch))::bigint, 0)
from public.revocations r
where r.kind = 'user' and r.user_id = $1;
$$;


/*
 * The second a token that is made now for a user is issued in, as its iat.
 * After a revocation in the same second it is the next one.
 */
create or replace function private.issued_at(user_id bigint) returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
select greatest(floor(extract(epoch from clock_timestamp()))::bigint, private.user_epoch(user_id));
$$;


/*
 * Refuses all access tokens of a user, or of one session of the user, that
 * were issued up to now, and tells every gateway when the transaction commits.
 *
 * is_change  the user was given another role or address and may come in still:
 *            tokens of other issuers, which say both themselves, are not
 *            refused, but their user is looked up again
 *
 * Call it last: its lock makes sequence the order of commits, on which
 * api.revocations_since relies, and who holds it must not wait for another.
 */
drop function if exists private.revoke(bigint, uuid);

create or replace function private.revoke(
    user_id bigint, session uuid default null, is_change boolean default false
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    epoch bigint;
    keep bigint;
    revocation bigint;
begin
    perform pg_advisory_xact_lock(hashtext('leadgen revocations'));

    delete from public.revocations r where r.keep_until <= now();

    -- no gateway accepts a token that lives longer than a day; 90 s of leeway
    epoch := private.issued_at(user_id) + 1;
    keep := epoch + 86400 + 90;

    insert into public.revocations as r (kind, user_id, session, epoch, keep_until, is_change)
    values (
        case when $2 is null then 'user' else 'session' end,
        $1, $2, to_timestamp(epoch), to_timestamp(keep), $3
    )
    returning r.sequence into revocation;

    perform pg_notify(
        'leadgen_revocations',
        concat_ws(
            ' ', revocation,
            case when session is null then 'user ' || user_id else 'session ' || session end,
            epoch, keep, is_change
        )
    );
end
$$;


/*
 * Ends the sessions of a user, but for one, or for none; access tokens are
 * private.revoke's.
 */
create or replace function private.end_sessions(user_id bigint, but uuid default null)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
update public.sessions s
set revoked_at = now()
where s.user_id = $1 and s.revoked_at is null and s.id is distinct from $2;
$$;


/*
 * The revocations after one, in their order; for a gateway that was not
 * connected.  0 gives all that are of use.
 *
 * subject      id of the user, or UUID of the session
 * epoch, keep  seconds since 1970
 * is_change    that of private.revoke
 *
 * The same, separated by spaces, is the payload of leadgen_revocations.
 */
drop function if exists api.revocations_since(bigint);

create function api.revocations_since(after bigint)
returns table (sequence bigint, kind text, subject text, epoch bigint, keep bigint, is_change boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select
    r.sequence,
    r.kind,
    coalesce(r.session::text, r.user_id::text),
    extract(epoch from r.epoch)::bigint,
    extract(epoch from r.keep_until)::bigint,
    r.is_change
from public.revocations r
where r.sequence > $1 and r.keep_until > now()
order by r.sequence;
$$;
