/*
 * What tasks of Celery workers need of the gateway's own tables, which they can't
 * see.
 */


/*
 * Mails a user: the worker learns neither the address nor the name.
 *
 * subject, body  as of private.mail_send()
 *
 * LG404: there is no such user, or it is not active.
 */
create or replace function job.mail_user(user_id bigint, subject text, body text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text;
begin
    select u.email into address from public.users u where u.id = $1 and u.is_active;

    if address is null then
        perform private.refuse(404, 'There is no such user.');
    end if;

    perform private.mail_send(address, $2, $3, interval '7 days');
end
$$;


-- Makes the partitions of the audit log that this month and the next two need,
-- and drops those that the gateway's leadgen_audit_retention ends.  Adds up the
-- figures of hours, which grow with each batch of events until somebody reads
-- them.
create or replace function job.maintain_audit_partitions() returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
select private.audit_fold();

select count(*)
from private.audit_retain((select retention from public.audit_settings));
$$;
