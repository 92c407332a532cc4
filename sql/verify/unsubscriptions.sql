-- Verify leadgen:unsubscriptions on pg

begin;

insert into public.tracking_hits (id, kind, message, at)
values (gen_random_uuid(), 'unsubscribe', gen_random_uuid(), now());

rollback;
