-- Verify leadgen:sessions on pg

begin;

select id, user_id, refresh_token_hash, created_at, expires_at, revoked_at,
       ip_address, user_agent
from public.sessions where false;

rollback;
