-- Revert leadgen:revocation_changes from pg

begin;

alter table public.revocations drop column is_change;

commit;
