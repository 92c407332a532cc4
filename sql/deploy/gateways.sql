-- Deploy leadgen:gateways to pg
-- requires: roles

begin;

-- each gateway with what it last said of itself; nothing is lost with it
create table public.gateways (
    host text not null,
    configuration text not null,
    report jsonb not null,
    reported_at timestamptz not null default now(),
    primary key (host, configuration),

    constraint gateways_bounded check (octet_length(report::text) <= 4096)
) with (fillfactor = 50);

commit;
