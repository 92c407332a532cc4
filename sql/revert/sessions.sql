-- Revert leadgen:sessions from pg

begin;

drop table public.sessions;

commit;
