-- Verify leadgen:policy_differences on pg

begin;

do $$
begin
    assert to_regclass('public.audit_logs_shadow') is not null;
end
$$;

rollback;
