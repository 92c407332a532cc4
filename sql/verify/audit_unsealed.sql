-- Verify leadgen:audit_unsealed on pg

begin;

select batch, ids from public.audit_unsealed where false;

rollback;
