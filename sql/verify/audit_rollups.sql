-- Verify leadgen:audit_rollups on pg

begin;

select day, action, resource_type, success, events from public.audit_days where false;
select day, user_id, private.sum_each(events) from public.audit_user_days where false group by 1, 2;
select month, user_id, private.running(0, 31, 1) from public.audit_user_months where false;
select hour, user_id, events from public.audit_user_hours where false;

rollback;
