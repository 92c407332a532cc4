-- Revert leadgen:revocations from pg

begin;

drop table public.revocations cascade;

commit;
