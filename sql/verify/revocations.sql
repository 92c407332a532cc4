-- Verify leadgen:revocations on pg

begin;

select sequence, kind, user_id, session, epoch, keep_until
from public.revocations where false;

rollback;
