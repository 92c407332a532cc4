-- Verify leadgen:audit_logs on pg

begin;

select id, action, user_id, user_email, resource_type, resource_id, details,
       ip_address, user_agent, timestamp, success, error_message
from public.audit_logs where false;

select 'public.audit_logs_default'::regclass;

rollback;
