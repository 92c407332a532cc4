-- Revert leadgen:audit_ledger from pg

begin;

drop trigger audit_logs_queue on public.audit_logs;
drop function private.audit_logs_queue();
drop table public.audit_settings;
drop table public.audit_unsealed;
drop table public.audit_anchors;
drop table public.audit_seals;
drop function private.audit_ledger_immutable();

commit;
