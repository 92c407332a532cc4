-- Verify leadgen:revocation_changes on pg

begin;

select is_change from public.revocations where false;

rollback;
