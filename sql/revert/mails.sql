-- Revert leadgen:mails from pg

begin;

drop table public.mails;

commit;
