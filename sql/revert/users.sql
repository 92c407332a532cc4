-- Revert leadgen:users from pg

begin;

-- and the functions that return its rows, which the next sql/migrate makes again
drop table public.users cascade;
drop function private.canonical_email(text) cascade;

commit;
