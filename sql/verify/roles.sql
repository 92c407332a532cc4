-- Verify leadgen:roles on pg

begin;

do $$
begin
    assert pg_catalog.has_schema_privilege('leadgen_gateway', 'api', 'usage');
    assert not pg_catalog.has_schema_privilege('leadgen_gateway', 'private', 'usage');
    assert not pg_catalog.has_schema_privilege('leadgen_gateway', 'public', 'create');
end
$$;

select status, body, location, audited from (select (null::api.reply).*) reply where false;
select version from api.version where false;

rollback;
