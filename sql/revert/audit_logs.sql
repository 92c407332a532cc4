-- Revert leadgen:audit_logs from pg

begin;

drop table public.audit_logs;
drop function private.audit_logs_immutable();

commit;
