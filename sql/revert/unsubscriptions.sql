-- Revert leadgen:unsubscriptions from pg

begin;

-- fails while there are some that no job has taken: they are not to be lost
alter table public.tracking_hits drop constraint tracking_hits_kind_check;
alter table public.tracking_hits add constraint tracking_hits_kind_check
    check (kind in ('open', 'click'));

commit;
