-- Verify leadgen:custom_roles on pg

begin;

select name, permissions, created_at, updated_at from public.roles where false;
select only_one, version from public.roles_version where false;
select 1 / count(*) from pg_catalog.pg_indexes where indexname = 'users_role';

rollback;
