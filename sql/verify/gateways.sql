-- Verify leadgen:gateways on pg

begin;

select host, configuration, report, reported_at from public.gateways where false;

rollback;
