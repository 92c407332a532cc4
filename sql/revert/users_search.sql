-- Revert leadgen:users_search from pg

begin;

alter table public.users drop column searched;

commit;
