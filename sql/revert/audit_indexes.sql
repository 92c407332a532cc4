-- Revert leadgen:audit_indexes from pg

begin;

alter table public.audit_seals alter column at set default now();

create index audit_seals_at on public.audit_seals (at);

create index audit_user_hours_hour on public.audit_user_hours (hour);

commit;
