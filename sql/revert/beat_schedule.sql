-- Revert leadgen:beat_schedule from pg

begin;

drop function if exists api.job_schedule(jsonb);
drop table mail.beat_schedule;
alter table mail.beat_runs drop column job;

commit;
