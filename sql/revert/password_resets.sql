-- Revert leadgen:password_resets from pg

begin;

drop table public.password_resets cascade;

commit;
