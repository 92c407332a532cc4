-- Revert leadgen:beat_runs from pg

begin;

drop table mail.beat_runs;

commit;
