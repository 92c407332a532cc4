-- Revert leadgen:roles from pg

begin;

drop schema private cascade;
drop schema api cascade;

drop owned by leadgen_gateway;

do $$
begin
    drop role leadgen_gateway;
exception
    -- another database of the cluster still uses it
    when dependent_objects_still_exist then null;
end
$$;

commit;
