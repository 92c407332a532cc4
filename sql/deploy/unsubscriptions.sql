-- Deploy leadgen:unsubscriptions to pg
-- requires: jobs

begin;

-- who unsubscribes by a link comes in by the way of openings and clicks
alter table public.tracking_hits drop constraint tracking_hits_kind_check;
alter table public.tracking_hits add constraint tracking_hits_kind_check
    check (kind in ('open', 'click', 'unsubscribe'));

commit;
