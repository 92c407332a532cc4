-- Verify leadgen:password_resets on pg

begin;

select hash, user_id, created_at, expires_at, used_at
from public.password_resets where false;

rollback;
