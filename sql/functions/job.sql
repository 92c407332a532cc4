/*
 * What Celery workers tell of jobs, and how their tasks ask for more.
 *
 * An id that is not in the table jobs is that of a task which somebody else put
 * into Redis: nothing is stored.  Whatever is told twice, or late, changes
 * nothing.
 */


-- A result that is too big is replaced by its size: it is shown, not kept.
create or replace function private.job_result(result jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case
    when octet_length(result::text) > 65536 then
        jsonb_build_object('too_large', octet_length(result::text))
    else result
end;
$$;


/*
 * A worker of that name begins, before it takes a job: what another process of
 * that name was at is lost.
 *
 * worker  its hostname in Celery: celery@host
 * pid     of the process that sends its heartbeats
 */
create or replace function job.worker_began(worker text, pid integer) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
insert into public.job_workers as w (hostname, pid, since, last_heartbeat, is_online)
values (left($1, 255), $2, clock_timestamp(), now(), true)
on conflict (hostname) do update
set
    pid = excluded.pid,
    since = excluded.since,
    last_heartbeat = excluded.last_heartbeat,
    is_online = true;
$$;


-- Whether a worker of that name was heard of within the last 30 seconds.
create or replace function private.job_worker_lives(hostname text) returns boolean
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select exists (
    select from public.job_workers w
    where w.hostname = $1 and w.is_online and w.last_heartbeat > now() - interval '30 seconds'
);
$$;


-- A worker had taken a job's message then; older news change nothing.
create or replace function private.job_received(id uuid, worker text, at timestamptz) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
update public.jobs j
set worker = left($2, 255), reported_at = $3
where j.id = $1 and j.status in ('pending', 'queued', 'lost')
    and $3 > greatest(j.taken_at, j.reported_at);
$$;


/*
 * A worker has taken a job's message out of its queue, and begins when it gets to
 * it: if it dies before, the relay brings another.
 */
create or replace function job.received(id uuid, worker text) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
select private.job_received($1, $2, clock_timestamp());
$$;


/*
 * A worker begins with a job.
 *
 * worker   its hostname in Celery: celery@host
 * retries  of the message, from 0
 *
 * Returns whether to go on: false when the job has succeeded already, was
 * revoked or has expired, or another worker that lives is at it.  The task then
 * ends without doing or storing anything (celery.exceptions.Ignore).
 */
create or replace function job.started(id uuid, worker text, retries integer) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    job public.jobs;
begin
    select * into job from public.jobs j where j.id = $1 for update;

    if job.id is null then
        return true;
    end if;

    if job.status in ('succeeded', 'revoked', 'expired') then
        return false;
    end if;

    if job.status = 'started' and job.worker <> $2 and private.job_worker_lives(job.worker) then
        return false;
    end if;

    update public.jobs j
    set
        status = 'started',
        reported_at = clock_timestamp(),
        started_at = now(),
        finished_at = null,
        due_at = null,
        worker = left($2, 255),
        retries = $3,
        error = null,
        traceback = null
    where j.id = $1;

    return true;
end
$$;


-- It is done.
create or replace function job.succeeded(id uuid, result jsonb) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
update public.jobs j
set
    status = 'succeeded',
    finished_at = now(),
    started_at = coalesce(j.started_at, now()),
    due_at = null,
    result = private.job_result($2),
    error = null,
    traceback = null,
    progress_done = j.progress_total
where j.id = $1 and j.status <> 'succeeded';
$$;


-- It has failed for good.
create or replace function job.failed(id uuid, error text, traceback text) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
update public.jobs j
set
    status = 'failed',
    finished_at = now(),
    started_at = coalesce(j.started_at, now()),
    due_at = null,
    error = left($2, 2000),
    traceback = left($3, 20000)
where j.id = $1 and j.status not in ('succeeded', 'failed', 'revoked', 'expired');
$$;


-- It has failed, and the worker tries again at eta.
create or replace function job.retrying(id uuid, error text, eta timestamptz) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
update public.jobs j
set
    status = 'retrying',
    reported_at = clock_timestamp(),
    due_at = null,
    error = left($2, 2000),
    eta = coalesce($3, j.eta)
where j.id = $1 and j.status not in ('succeeded', 'failed', 'revoked', 'expired');
$$;


/*
 * It has failed, and the worker can't try again by itself, because Redis is away:
 * the relay brings it there at eta.
 */
create or replace function job.returned(id uuid, error text, eta timestamptz) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
update public.jobs j
set
    status = 'pending',
    reported_at = clock_timestamp(),
    due_at = coalesce($3, now()),
    eta = coalesce($3, j.eta),
    error = left($2, 2000)
where j.id = $1 and j.status not in ('succeeded', 'failed', 'revoked', 'expired');
$$;


-- It was revoked, or came too late: expired is true then.
create or replace function job.revoked(id uuid, expired boolean default false) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
update public.jobs j
set
    status = case when $2 then 'expired' else 'revoked' end,
    finished_at = now(),
    due_at = null,
    revoke_at = null
where j.id = $1 and j.status not in ('succeeded', 'failed', 'revoked', 'expired');
$$;


-- So far it came: done of total, in whatever it counts.
create or replace function job.progress(id uuid, done integer, total integer) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
update public.jobs j
set
    progress_done = greatest($2, 0),
    progress_total = greatest($3, 0)
where j.id = $1 and j.status = 'started';
$$;


/*
 * Asks for a job, in the transaction of the caller: it runs if that commits.
 *
 * task     its short name or Celery's
 * queue    NULL: the task's own
 * eta      when it is to run; NULL: now.  It waits in PostgreSQL, however long
 * expires  when it is not to run any more; NULL: never
 * id       NULL: a new one; give the same for the same job, and it is put once
 *
 * Returns the id.  LG422: the arguments do not fit; DETAIL has errors.
 */
create or replace function job.enqueue(
    task text, kwargs jsonb, queue text default null, eta timestamptz default null,
    expires timestamptz default null, id uuid default null
) returns uuid
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
select (private.job_put(coalesce($6, private.uuid_mint()), $1, $2, $3, 0, $4, $5, null, null, null)).id;
$$;
