-- Revert leadgen:audit_unsealed from pg

begin;

alter table public.audit_unsealed rename to audit_unsealed_batches;

create table public.audit_unsealed (
    id uuid not null primary key
);

create or replace function private.audit_logs_queue() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    insert into public.audit_unsealed (id) select id from added;

    return null;
end
$$;

insert into public.audit_unsealed (id) select unnest(ids) from public.audit_unsealed_batches;

drop table public.audit_unsealed_batches;

commit;
