-- Revert leadgen:policy_differences from pg

begin;

drop index public.audit_logs_shadow;

commit;
