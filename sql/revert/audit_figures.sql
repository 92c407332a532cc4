-- Revert leadgen:audit_figures from pg

begin;

drop trigger audit_logs_count on public.audit_logs;
drop function private.audit_logs_count();
drop table public.audit_reports;
drop table public.audit_user_hours;
drop table public.audit_hours;

commit;
