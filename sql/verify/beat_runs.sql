-- Verify leadgen:beat_runs on pg

begin;

select entry, slot, at from mail.beat_runs where false;

rollback;
