-- Revert leadgen:gateways from pg

begin;

drop function if exists api.gateway_report(text, text, jsonb);
drop function if exists api.gateways(jsonb);
drop table public.gateways;

commit;
