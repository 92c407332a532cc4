-- Deploy leadgen:policy_differences to pg
-- requires: audit_logs

begin;

-- Requests of which a shadow policy thinks otherwise, in the order of time.
create index audit_logs_shadow on public.audit_logs (id) where details ? 'shadow';

commit;
