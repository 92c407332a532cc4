-- Verify leadgen:refresh_tokens on pg

begin;

select hash, session_id, issued_at, used_at, successor
from public.refresh_tokens where false;

select 'public.refresh_tokens_current'::regclass;

rollback;
