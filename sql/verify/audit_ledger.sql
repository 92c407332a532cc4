-- Verify leadgen:audit_ledger on pg

begin;

select sequence, id, digest, mac, at from public.audit_seals where false;
select number, sequence, mac, at from public.audit_anchors where false;
select id from public.audit_unsealed where false;
select only_one, retention, told_at from public.audit_settings where false;

do $$
begin
    assert exists (select from pg_catalog.pg_trigger where tgname = 'audit_logs_queue');
end
$$;

rollback;
