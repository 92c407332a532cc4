-- Verify leadgen:users on pg

begin;

select id, email, name, hashed_password, role, is_active, created_at, last_login
from public.users where false;

select 'public.users_email_unique'::regclass;

rollback;
