-- Deploy leadgen:users_search to pg
-- requires: users

begin;

-- What q of the list of users is looked for in: compared byte by byte, which
-- takes a tenth of what lowering each address and name anew would.
alter table public.users
add column searched text collate "C" not null
generated always as (lower((email || e'\n' || name) collate "und-x-icu")) stored;

commit;
