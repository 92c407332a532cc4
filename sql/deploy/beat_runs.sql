-- Deploy leadgen:beat_runs to pg
-- requires: campaign_mail

begin;

-- what beat asked for, so that each time comes once, however many of it run
create table mail.beat_runs (
    entry text not null,
    slot timestamptz not null,
    at timestamptz not null default now(),
    primary key (entry, slot)
);

grant select, insert, delete on mail.beat_runs to leadgen_worker;

commit;
