-- Revert leadgen:custom_roles from pg

begin;

drop index public.users_role;
drop table public.roles_version cascade;
drop table public.roles cascade;

commit;
