-- Verify leadgen:audit_figures on pg

begin;

select hour, action, resource_type, success, events, folded from public.audit_hours where false;
select hour, user_id, user_email, events, folded from public.audit_user_hours where false;
select user_id, key, digest, event, at from public.audit_reports where false;

do $$
begin
    assert exists (select from pg_catalog.pg_trigger where tgname = 'audit_logs_count');
end
$$;

rollback;
