/*
 * The relay: one elected gateway, which brings jobs that are due to Redis and
 * tells here what it sees there.
 *
 * What it takes has a number, relays + 1, that stays the same until it says that
 * Redis has the job.  Redis keeps a mark for each job and number, set together
 * with its message: so whoever takes a job again, because the one before died in
 * between, finds the mark and puts no second message there.
 */


/*
 * Whether this session's gateway is the relay: the lock is the session's, and
 * PostgreSQL ends a session that is silent for four seconds, so that another
 * gateway takes over from one that hangs.
 */
create or replace function api.relay_elect() returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- a number of this database: advisory locks are the database's own
    relay_lock constant bigint := 7217541068153401;
begin
    if private.relay_is_elected() then
        return true;
    end if;

    if not pg_try_advisory_lock(relay_lock) then
        return false;
    end if;

    perform set_config('idle_session_timeout', '4000', false);

    return true;
end
$$;


-- Whether this session has the lock.
create or replace function private.relay_is_elected() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
select exists (
    select from pg_locks l
    where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.granted
        and (l.classid::bigint << 32 | l.objid::bigint) = 7217541068153401
);
$$;


-- base64 in one line, as Celery has it
create or replace function private.to_base64(value text) returns text
language sql immutable strict parallel safe
return translate(encode(convert_to(value, 'UTF8'), 'base64'), e'\n', '');


-- RFC 3339 with an offset, as Celery's own are.
create or replace function private.to_celery_time(moment timestamptz) returns text
language sql stable strict parallel safe
return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00';


/*
 * The message of a job: Celery's protocol 2, as kombu puts it into Redis.  All of
 * it is made here, of values that were checked: nobody else can make one that a
 * worker does not understand.
 */
create or replace function private.job_message(job public.jobs, full_name text) returns text
language sql stable parallel safe
return json_build_object(
    'body', private.to_base64(json_build_array(
        '[]'::json, job.kwargs,
        json_build_object('callbacks', null, 'errbacks', null, 'chain', null, 'chord', null)
    )::text),
    'content-encoding', 'utf-8',
    'content-type', 'application/json',
    'headers', json_build_object(
        'lang', 'py',
        'task', full_name,
        'id', job.id,
        'root_id', job.id,
        'parent_id', null,
        'group', null,
        'group_index', null,
        'shadow', null,
        'retries', 0,
        'eta', null,
        'expires', private.to_celery_time(job.expires),
        'timelimit', '[null, null]'::json,
        'argsrepr', '()',
        'kwargsrepr', left(job.kwargs::text, 1000),
        'origin', 'leadgen',
        'ignore_result', false,
        -- Celery's own place for other people's headers, where Sentry looks
        'headers', case when job.trace is not null then json_build_object('sentry-trace', job.trace) end
    ),
    'properties', json_build_object(
        'correlation_id', job.id,
        'delivery_mode', 2,
        'delivery_info', json_build_object('exchange', '', 'routing_key', job.queue),
        'priority', job.priority,
        'body_encoding', 'base64',
        'delivery_tag', job.id || '.' || job.relays + 1
    )
)::text;


-- The message that tells all workers to revoke a job.
create or replace function private.job_revocation(job public.jobs) returns text
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
select json_build_object(
    'body', private.to_base64(json_build_object(
        'method', 'revoke',
        'arguments', json_build_object(
            'task_id', job.id, 'terminate', job.revoke = 'terminate', 'signal', 'SIGTERM'
        ),
        'destination', null,
        'pattern', null,
        'matcher', null
    )::text),
    'content-encoding', 'utf-8',
    'content-type', 'application/json',
    'headers', json_build_object('clock', 1, 'expires', null),
    'properties', json_build_object(
        'delivery_mode', 2,
        'delivery_info', json_build_object('exchange', 'celery.pidbox', 'routing_key', ''),
        'priority', 0,
        'body_encoding', 'base64',
        'delivery_tag', gen_random_uuid()
    )
)::text;
$$;


/*
 * What is to be brought to Redis now.
 *
 * limit     how many at most; fewer when they are large
 * database  number of Redis' database, which names the channel of revocations
 *
 * id       of the job
 * mark     key that Redis has once it has the message; '' for a revocation
 * list     list to push the message to, or channel to publish it on
 * message  of Celery
 * stale    delivery tag of a message that is given up; '': there is none
 *
 * LG409: this session is not the relay's.
 */
create or replace function api.relay_take("limit" integer, database integer)
returns table (id uuid, mark text, list text, message text, stale text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- the plan was made, and is kept, of when the table was small
set enable_seqscan = off
as $$
begin
    if not private.relay_is_elected() then
        perform private.refuse(409, 'Another gateway is the relay.');
    end if;

    update public.jobs j
    set status = 'expired', finished_at = now(), due_at = null
    where j.id in (
        select e.id from public.jobs e
        where e.due_at <= now() and e.expires <= now()
        order by e.due_at limit "limit"
        for update skip locked
    );

    return query
    with due as (
        select d.id, sum(octet_length(d.kwargs::text)) over (order by d.due_at, d.id) as bytes,
            row_number() over (order by d.due_at, d.id) as place
        from (
            select w.id, w.due_at, w.kwargs from public.jobs w
            where w.due_at <= now()
            order by w.due_at
            limit "limit"
            for update skip locked
        ) d
    )
    update public.jobs j
    set taken_at = now()
    from due, private.tasks() t
    where j.id = due.id and t.name = j.task and (due.bytes < 4000000 or due.place = 1)
    returning
        j.id,
        format('leadgen:job:%s:%s', j.id, j.relays + 1),
        -- kombu's name of a queue's list for a priority
        j.queue || case when j.priority > 0 then e'\x06\x16' || j.priority else '' end,
        private.job_message(j, t.full_name),
        case when j.relays > 0 then j.id || '.' || j.relays else '' end;

    return query
    select
        r.id,
        '',
        format('/%s.celery.pidbox', database),
        private.job_revocation(r),
        ''
    from public.jobs r
    where r.revoke_at <= now()
    order by r.revoke_at
    limit "limit";
end
$$;


/*
 * Redis has these jobs, and workers were told of these revocations.  A worker may
 * have told more already.  Said twice, it counts once.
 */
create or replace function api.relay_done(ids uuid[], revoked uuid[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
update public.jobs j
set
    relays = j.relays + 1,
    relayed_at = clock_timestamp(),
    due_at = null,
    status = case when j.status in ('pending', 'lost') then 'queued' else j.status end
where j.id = any($1) and (j.relayed_at is null or j.relayed_at < j.taken_at);

update public.jobs j
set revoke_at = null
where j.id = any($2);
$$;


/*
 * Jobs that are out, in the order of their ids, to be looked for in Redis.
 *
 * after  the last id of the page before; NULL: from the start
 *
 * mark   key that Redis has while it is not lost
 */
create or replace function api.relay_out(after uuid, "limit" integer)
returns table (id uuid, mark text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select j.id, format('leadgen:job:%s:%s', j.id, j.relays)
from public.jobs j
where j.status in ('queued', 'started', 'retrying') and j.relays > 0
    and j.relayed_at < now() - interval '1 second'
    and j.id > coalesce($1, '00000000-0000-0000-0000-000000000000')
order by j.id
limit "limit";
$$;


/*
 * What a worker that has no functions of ours told of a job, if that is news:
 * what has ended has ended, but for a job that ran although it was revoked.
 *
 * state  started, succeeded, failed, retrying, revoked or expired
 * at     when it became so; of a start or a retry it tells whether that is news.
 *        NULL: a result that is in Redis does not say; since it goes when the job
 *        is brought there, it is of this time if the job was not given up since
 */
create or replace function private.job_report(
    id uuid, state text, at timestamptz, worker text, result jsonb, error text, traceback text
) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
update public.jobs j
set
    status = $2,
    reported_at = greatest($3, j.reported_at),
    started_at = case
        when $2 = 'started' or ($2 in ('succeeded', 'failed') and j.started_at is null) then now()
        else j.started_at
    end,
    finished_at = case
        when $2 in ('started', 'retrying') then null
        else coalesce(j.finished_at, now())
    end,
    due_at = null,
    worker = coalesce(left($4, 255), j.worker),
    retries = j.retries + case when $2 = 'retrying' then 1 else 0 end,
    result = coalesce(private.job_result($5), j.result),
    error = case when $2 = 'succeeded' then null else coalesce(left($6, 2000), j.error) end,
    traceback = case when $2 = 'succeeded' then null else coalesce(left($7, 20000), j.traceback) end
where j.id = $1 and case
    when $2 = 'started' and $3 is null then j.status = 'queued'
    when $2 = 'retrying' and $3 is null then j.status in ('queued', 'started')
    when $2 = 'started' then
        j.status in ('pending', 'queued', 'lost', 'retrying') and $3 > coalesce(j.reported_at, '-infinity')
    when $2 = 'retrying' then
        j.status in ('pending', 'queued', 'lost', 'started') and $3 > coalesce(j.reported_at, '-infinity')
    when $2 = 'succeeded' then j.status <> 'succeeded' or (j.result is null and $5 is not null)
    when $2 = 'failed' then
        j.status not in ('succeeded', 'failed', 'expired')
        or (j.status = 'failed' and j.traceback is null and $7 is not null)
    else j.status not in ('succeeded', 'failed', 'revoked', 'expired')
end;
$$;


-- A worker's heartbeat, as Celery's event tells.
create or replace function private.job_heartbeat(event jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    name constant text := left(event ->> 'hostname', 255);
    at constant timestamptz := least(to_timestamp((event ->> 'timestamp')::double precision), now());
begin
    if event ->> 'type' = 'worker-offline' then
        update public.job_workers w
        set is_online = false
        where w.hostname = name and w.pid = (event ->> 'pid')::integer;
        return;
    end if;

    -- of a process that follows another of its name it is known since when
    insert into public.job_workers as w (
        hostname, pid, since, last_heartbeat, active, processed, software, is_online
    ) values (
        name, (event ->> 'pid')::integer, '-infinity', now(), (event ->> 'active')::integer,
        (event ->> 'processed')::bigint,
        left(concat_ws(' ', event ->> 'sw_ident', event ->> 'sw_ver'), 63), true
    )
    on conflict (hostname) do update
    set
        pid = excluded.pid,
        since = case
            when w.pid = excluded.pid then w.since
            when event ->> 'type' = 'worker-online' then at
            -- it has begun nothing yet
            when excluded.processed = 0 and excluded.active = 0 then at
            else least(w.last_heartbeat, at)
        end,
        last_heartbeat = excluded.last_heartbeat,
        active = coalesce(excluded.active, 0),
        processed = coalesce(excluded.processed, 0),
        software = excluded.software,
        is_online = true;
end
$$;


/*
 * What the relay heard: events of Celery, and results that were stored, as
 * objects, in their order.  They are strangers' words: one that makes no sense is
 * left out.
 */
create or replace function api.relay_heard(events jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    event jsonb;
    job_id uuid;
    state text;
begin
    for event in select e.value from jsonb_array_elements(events) e loop
        begin
            if event ->> 'type' like 'worker-%' then
                perform private.job_heartbeat(event);
                continue;
            end if;

            job_id := coalesce(event ->> 'task_id', event ->> 'uuid')::uuid;
            state := case coalesce(event ->> 'status', event ->> 'type')
                when 'STARTED' then 'started'
                when 'task-started' then 'started'
                when 'SUCCESS' then 'succeeded'
                when 'task-succeeded' then 'succeeded'
                when 'FAILURE' then 'failed'
                when 'task-failed' then 'failed'
                when 'RETRY' then 'retrying'
                when 'task-retried' then 'retrying'
                when 'REVOKED' then case
                    when event #>> '{result,exc_message,0}' = 'expired' then 'expired' else 'revoked'
                end
                when 'task-revoked' then case
                    when (event ->> 'expired')::boolean then 'expired' else 'revoked'
                end
            end;

            if event ->> 'type' = 'task-received' then
                perform private.job_received(
                    job_id, event ->> 'hostname', to_timestamp((event ->> 'timestamp')::double precision)
                );
            end if;

            if job_id is null or state is null then
                continue;
            end if;

            perform private.job_report(
                job_id, state,
                to_timestamp((event ->> 'timestamp')::double precision),
                event ->> 'hostname',
                -- an event has the result as Python shows it
                case when state = 'succeeded' and event ? 'status' then event -> 'result' end,
                case when state in ('failed', 'retrying') then coalesce(
                    event ->> 'exception',
                    concat_ws(': ', event #>> '{result,exc_type}', event #>> '{result,exc_message,0}')
                ) end,
                event ->> 'traceback'
            );
        exception
            when data_exception or integrity_constraint_violation or program_limit_exceeded then null;
        end;
    end loop;
end
$$;


/*
 * Whether the worker that was at a job at that time has died since: it fell silent
 * for that long (NULL: that tells nothing), it said that it ends, or another
 * process has its name.
 */
create or replace function private.job_worker_is_dead(
    worker public.job_workers, at timestamptz, silence interval
) returns boolean
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select coalesce(
    worker.last_heartbeat < now() - silence
    or (not worker.is_online and worker.last_heartbeat < now() - interval '5 seconds')
    or at < worker.since,
    false
);
$$;


/*
 * What the relay saw in Redis.
 *
 * queues          names; waiting and unacknowledged: messages of each
 * ids             of jobs that are out; here: whether Redis has their mark
 * lost_after      silence after which a worker is taken for dead; NULL: silence
 *                 tells nothing now, as nobody could be heard
 * attempts        how often a job is brought to Redis at most because of that
 * longest         how long a job runs at most
 *
 * A job whose mark is gone goes to Redis again unless it was begun: Redis was
 * emptied, and with it went what a worker left there to try again.  So does one
 * whose message a worker had taken that died before it began.  A job whose
 * worker is dead is lost, and goes there again in a second; so is one that no
 * worker can be at any more, and whose message is gone.
 *
 * Returns a row for each job that was lost, with what becomes of it, and one
 * without anything when there was a job of the former kind.
 */
drop function if exists api.relay_saw(text[], bigint[], bigint[], uuid[], boolean[], interval, integer);
drop function if exists api.relay_saw(text[], bigint[], bigint[], uuid[], boolean[], interval, integer, interval);
create or replace function api.relay_saw(
    queues text[], waiting bigint[], unacknowledged bigint[], ids uuid[], here boolean[],
    lost_after interval, attempts integer, longest interval default '1 hour'
) returns table (job uuid, task text, outcome text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    missing integer;
    in_vain integer;
begin
    insert into public.job_queues as q (queue, waiting, unacknowledged, checked_at)
    select s.queue, s.waiting, s.unacknowledged, now()
    from unnest($1, $2, $3) as s (queue, waiting, unacknowledged)
    on conflict (queue) do update
    set
        waiting = excluded.waiting,
        unacknowledged = excluded.unacknowledged,
        checked_at = excluded.checked_at;

    update public.jobs j
    set due_at = now()
    from unnest($4, $5) as s (id, here)
    where j.id = s.id and not s.here and j.due_at is null and (
        j.status = 'queued'
        -- a worker that lives has it in mind until then
        or (j.status = 'retrying' and j.eta > j.started_at and j.eta < now() - $6)
    );

    get diagnostics missing = row_count;

    update public.jobs j
    set due_at = now()
    from public.job_workers w
    where j.status = 'queued' and j.due_at is null and j.reported_at > j.taken_at
        and w.hostname = j.worker and private.job_worker_is_dead(w, j.reported_at, $6);

    get diagnostics in_vain = row_count;

    if missing + in_vain > 0 then
        return next;
    end if;

    return query
    update public.jobs j
    set
        status = 'lost',
        due_at = case when j.relays < $7 then now() + interval '1 second' end,
        finished_at = case when j.relays >= $7 then now() end,
        error = coalesce('The worker ' || j.worker || ' was lost with it.', 'Its message was lost.')
    from public.jobs o
    left join public.job_workers w on w.hostname = o.worker
    left join unnest($4, $5) as s (id, here) on s.id = o.id
    where o.id = j.id and j.status in ('started', 'retrying') and j.due_at is null and (
        (j.status = 'started' and private.job_worker_is_dead(w, j.started_at, $6))
        -- PostgreSQL has forgotten the worker, and heard of none since
        or (j.status = 'started' and w.hostname is null and j.worker is not null and j.started_at < now() - $6)
        or (not s.here and greatest(j.started_at, j.reported_at, j.eta) < now() - $8)
    )
    returning
        j.id, j.task,
        j.error || case when j.due_at is null then ' It is given up.' else ' It is tried again.' end;
end
$$;


-- Once an hour: what ended so long ago goes, and workers unheard of for a day.
drop function if exists api.relay_tidy();
create or replace function api.relay_tidy(keep interval default '30 days') returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
delete from public.jobs j where j.finished_at < now() - $1;

delete from public.job_workers w where w.last_heartbeat < now() - interval '1 day';
$$;


/*
 * Puts hits on tracked mails into jobs of up to 500 each, when there are that many
 * or the oldest is two seconds old, and as many jobs at most as keep Redis small:
 * the others wait here.
 *
 * Returns how many jobs it made.
 */
create or replace function api.relay_hits() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made integer := 0;
    under_way integer;
    found integer;
    oldest uuid;
begin
    select count(*) into under_way from public.jobs j
    where j.task = 'track_email_opens'
        and j.status in ('pending', 'queued', 'started', 'retrying', 'lost');

    while under_way + made < 40 loop
        select count(*), min(h.id::text)::uuid
        into found, oldest
        from (select t.id from public.tracking_hits t order by t.id limit 500) h;

        exit when found = 0
            or (found < 500 and private.uuid_time(oldest) > clock_timestamp() - interval '2 seconds');

        -- these values need no check: the table's types are the schema's
        with taken as (
            delete from public.tracking_hits h
            where h.id in (select t.id from public.tracking_hits t order by t.id limit 500)
            returning h.*
        )
        insert into public.jobs (id, task, queue, kwargs, due_at)
        select private.uuid_mint(), 'track_email_opens', 'emails', jsonb_build_object(
            'hits', jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'id', t.id,
                'kind', t.kind,
                'message', t.message,
                'at', private.to_json_time(t.at),
                'ip_address', host(t.ip_address),
                'user_agent', t.user_agent,
                'url', t.url
            )) order by t.id)
        ), now()
        from taken t;

        made := made + 1;
    end loop;

    if made > 0 then
        perform private.job_notify();
    end if;

    return made;
end
$$;
