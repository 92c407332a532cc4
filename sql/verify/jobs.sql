-- Verify leadgen:jobs on pg

begin;

do $$
begin
    assert pg_catalog.has_schema_privilege('leadgen_worker', 'job', 'usage');
    assert not pg_catalog.has_schema_privilege('leadgen_worker', 'api', 'usage');
    assert not pg_catalog.has_schema_privilege('leadgen_gateway', 'job', 'usage');
end
$$;

select id, task, queue, priority, kwargs, status, eta, expires, enqueued_at, due_at, taken_at, relayed_at,
       relays, started_at, finished_at, worker, retries, progress_done, progress_total, result, error,
       traceback, created_by, created_by_email, idempotency_key, idempotency_digest, revoke, revoke_at
from public.jobs where false;
select hostname, pid, since, last_heartbeat, active, processed, software, is_online
from public.job_workers where false;
select queue, waiting, unacknowledged, checked_at from public.job_queues where false;
select id, kind, message, at, ip_address, user_agent, url from public.tracking_hits where false;

rollback;
