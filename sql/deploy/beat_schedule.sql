-- Deploy leadgen:beat_schedule to pg
-- requires: beat_runs

begin;

-- the job it asked for; none where it called a function of the database
alter table mail.beat_runs add column job uuid;

-- what beat goes by, as the one that has the lock says
create table mail.beat_schedule (
    entry text primary key,
    task text,
    function text,
    kwargs jsonb not null,
    period jsonb not null,
    due timestamptz not null
);

comment on column mail.beat_schedule.period is '{"every_seconds": 300} or {"daily_at": "02:30"}, in UTC';

grant select, insert, update, delete on mail.beat_schedule to leadgen_worker;

commit;
