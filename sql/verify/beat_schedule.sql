-- Verify leadgen:beat_schedule on pg

begin;

select r.job, s.entry, s.task, s.function, s.kwargs, s.period, s.due
from mail.beat_schedule s, mail.beat_runs r
where false;

rollback;
