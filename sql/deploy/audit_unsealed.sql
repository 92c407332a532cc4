-- Deploy leadgen:audit_unsealed to pg
-- requires: audit_ledger

begin;

-- Whoever adds rows waits here until it is done.
alter table public.audit_unsealed rename to audit_unsealed_rows;

/*
 * Ids of rows that wait for their seal, up to 100 that came in together: a row
 * for each id would leave as many dead ones before the next that waits.
 */
create table public.audit_unsealed (
    batch bigint generated always as identity primary key,
    ids uuid[] not null
);

create or replace function private.audit_logs_queue() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    insert into public.audit_unsealed (ids)
    select array_agg(id)
    from (select id, (row_number() over () - 1) / 100 as part from added) as a
    group by part
    order by part;

    return null;
end
$$;

insert into public.audit_unsealed (ids)
select array_agg(id order by id)
from (select id, (row_number() over (order by id) - 1) / 100 as part from public.audit_unsealed_rows) as a
group by part
order by part;

drop table public.audit_unsealed_rows;

commit;
