-- Verify leadgen:audit_indexes on pg

begin;

select 1 / (to_regclass('public.audit_user_hours_hour') is null)::integer;
select 1 / (to_regclass('public.audit_seals_at') is null)::integer;

rollback;
