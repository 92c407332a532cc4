-- Verify leadgen:users_search on pg

begin;

select searched from public.users where false;

rollback;
