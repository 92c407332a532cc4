-- Deploy leadgen:audit_indexes to pg
-- requires: audit_rollups
-- requires: audit_unsealed

begin;

-- All rows of it are taken together.
drop index public.audit_user_hours_hour;

-- The order of seals is that of their times, too, which are looked for by halves.
drop index public.audit_seals_at;

alter table public.audit_seals alter column at set default clock_timestamp();

commit;
