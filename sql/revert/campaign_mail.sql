-- Revert leadgen:campaign_mail from pg

begin;

drop schema mail cascade;

commit;
