/*
 * Mails.  Who needs one sent puts it here in the transaction of what it tells
 * of; gateways take it from here, send it, and say how that went.  A mail comes
 * at least once: twice, with one Message-ID, when a gateway dies between sending
 * it and saying so.
 */


/*
 * Puts a mail into the outbox.
 *
 * recipient  an e-mail address
 * subject    one line of at most 255 bytes
 * body       plain text, lines ending in a newline
 * lifetime   how long it is tried; afterwards it is no use to anybody
 *
 * Returns its id, which becomes its Message-ID.
 */
create or replace function private.mail_send(
    recipient text, subject text, body text, lifetime interval default '24 hours'
) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    new_id uuid;
begin
    insert into public.mails (recipient, subject, body, expires_at)
    values ($1, $2, $3, now() + lifetime)
    returning id into new_id;

    perform pg_notify('leadgen_mails', '');

    return new_id;
end
$$;


/*
 * Claims mails that are due, for 60 seconds: whoever has not said by then how it
 * went is taken for dead.
 */
create or replace function api.mail_take("limit" integer)
returns table (id uuid, recipient text, subject text, body text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update public.mails m
    set
        next_attempt_at = null,
        body = null,
        error = coalesce(m.error, 'it could not be sent in time')
    where m.id in (
        select e.id from public.mails e
        where e.next_attempt_at <= now() and e.expires_at <= now()
        for update skip locked
    );

    return query
    update public.mails m
    set
        attempts = m.attempts + 1,
        next_attempt_at = now() + interval '60 seconds'
    where m.id in (
        select d.id from public.mails d
        where d.next_attempt_at <= now()
        order by d.next_attempt_at
        limit greatest(0, least("limit", 100))
        for update skip locked
    )
    returning m.id, m.recipient, m.subject, m.body;
end
$$;


/*
 * Says how it went with a mail that was taken: error is NULL when the mail
 * server has it.  Otherwise it is tried again after 10 seconds, 20, 40 and so on
 * up to an hour, as long as it lives.  Mails that are over are kept for 30 days.
 */
create or replace function api.mail_done(id uuid, error text) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
update public.mails m
set
    sent_at = now(),
    next_attempt_at = null,
    body = null,
    error = null
where m.id = $1 and m.sent_at is null and $2 is null;

update public.mails m
set
    next_attempt_at = next.at,
    body = case when next.at is not null then m.body end,
    error = left($2, 500)
from (
    select
        f.id,
        case when now() + delay.length < f.expires_at then now() + delay.length end as at
    from public.mails f
    cross join least(
        interval '10 seconds' * power(2, least(f.attempts - 1, 9)), interval '1 hour'
    ) as delay (length)
    where f.id = $1
) next
where m.id = next.id and m.next_attempt_at is not null and $2 is not null;

delete from public.mails m
where m.next_attempt_at is null and m.created_at < now() - interval '30 days';
$$;
