-- Deploy leadgen:revocation_changes to pg
-- requires: revocations

begin;

-- A user was given another role or address: tokens of other issuers, which say
-- both themselves, are good as long as the user may come in.
alter table public.revocations add column is_change boolean not null default false;

commit;
