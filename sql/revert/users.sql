-- Revert leadgen:users from pg

begin;

drop table public.users;
drop function private.canonical_email(text);

commit;
