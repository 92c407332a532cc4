-- Revert leadgen:roles from pg

begin;

drop schema private cascade;
drop schema api cascade;

do $$
begin
    execute format('revoke all on database %I from leadgen_gateway', current_database());
    drop role leadgen_gateway;
exception
    -- another database of the cluster still uses it
    when dependent_objects_still_exist then
        raise notice 'the role leadgen_gateway stays, another database uses it';
end
$$;

commit;
