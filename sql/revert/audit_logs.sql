-- Revert leadgen:audit_logs from pg

begin;

-- and the functions that return its rows, which the next sql/migrate makes again
drop table public.audit_logs cascade;
drop function private.audit_logs_immutable();

commit;
