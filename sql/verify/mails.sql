-- Verify leadgen:mails on pg

begin;

select id, recipient, subject, body, created_at, expires_at, attempts,
       next_attempt_at, sent_at, error
from public.mails where false;

rollback;
