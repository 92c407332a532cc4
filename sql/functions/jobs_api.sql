/*
 * The calls below /api/jobs.
 *
 * request  as for every endpoint; of POST /api/jobs also "idempotency_key",
 *          text of a header, or NULL
 */


-- A job as the API shows it.
create or replace function private.job_object(job public.jobs) returns jsonb
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
select jsonb_build_object(
    'id', job.id,
    'task', job.task,
    'queue', job.queue,
    'priority', job.priority,
    'status', job.status,
    'kwargs', job.kwargs,
    'eta', private.to_json_time(job.eta),
    'expires', private.to_json_time(job.expires),
    'enqueued_at', private.to_json_time(job.enqueued_at),
    'relayed_at', private.to_json_time(job.relayed_at),
    'started_at', private.to_json_time(job.started_at),
    'finished_at', private.to_json_time(job.finished_at),
    'relays', job.relays,
    'retries', job.retries,
    'worker', job.worker,
    'progress', case when job.progress_total is not null then
        jsonb_build_object('done', job.progress_done, 'total', job.progress_total)
    end,
    'result', job.result,
    'error', job.error,
    'traceback', job.traceback,
    'created_by', job.created_by,
    'created_by_email', job.created_by_email,
    'revoking', job.revoke is not null and job.finished_at is null
);
$$;


-- Writes the audit row of what somebody did with a job.
create or replace function private.job_audit(
    request jsonb, action text, job public.jobs, status integer, more jsonb default '{}'
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.audit(
        request, action, (request #>> '{principal,user_id}')::bigint, request #>> '{principal,email}',
        'job', job.id::text, status, jsonb_build_object('task', job.task, 'queue', job.queue) || more, null
    );
end
$$;


-- The job whose id is in the path, locked.  LG404: there is none.
create or replace function private.job_of_path(request jsonb) returns public.jobs
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    job_id constant text := request #>> '{params,id}';
    job public.jobs;
begin
    if job_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        select * into job from public.jobs j where j.id = job_id::uuid for update;
    end if;

    if job.id is null then
        perform private.refuse(404, 'There is no job with this id.');
    end if;

    return job;
end
$$;


/*
 * Refuses the body of POST /api/jobs as far as it is not about the task: LG422
 * naming each field.
 */
create or replace function private.job_check(body jsonb) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    errors jsonb;
begin
    if jsonb_typeof(body) is distinct from 'object' then
        perform private.refuse(422, 'Send one JSON object.');
    end if;

    -- what most send, without a query
    if body - '{task,kwargs}'::text[] = '{}' and jsonb_typeof(body -> 'task') = 'string' then
        return;
    end if;

    select jsonb_agg(jsonb_build_object('field', f.name, 'message', m.message) order by f.name)
    into errors
    from (
        select b.key, b.value from jsonb_each(body) b
        union all
        select 'task', 'null' where not body ? 'task'
    ) as f (name, value)
    cross join lateral (
        select case when jsonb_typeof(f.value) = 'string' then f.value #>> '{}' end
    ) as t (text)
    cross join lateral (select case
        when f.name = 'task' then case when t.text is null then 'Send the name of a task.' end
        when f.name = 'kwargs' then null
        when f.name not in ('queue', 'priority', 'eta', 'countdown', 'expires') then
            'There is no such field: there are task, kwargs, queue, priority, eta, countdown and expires.'
        when f.value = 'null' then null
        when f.name = 'queue' then case when t.text is null then 'Send the name of a queue.' end
        when f.name = 'priority' then case when not private.is_whole(f.value, 0, 9) then
            'Send 0, which comes first, 3, 6 or 9.'
        end
        when f.name = 'countdown' then case
            when not private.is_whole(f.value, 0, 315360000) then
                'Send how many seconds to wait, a whole number from 0 to 315360000.'
            when coalesce(body -> 'eta', 'null') <> 'null' then 'Send eta or countdown, not both.'
        end
        when private.to_time(t.text) is null or private.to_time(t.text) > now() + interval '10 years' then
            'Send a time such as 2026-11-23T08:00:00Z, within ten years.'
    end) as m (message)
    where m.message is not null;

    if errors is not null then
        perform private.refuse(422, 'Mend the fields listed in errors and send it again.', errors);
    end if;
end
$$;


/*
 * POST /api/jobs: has a job done.  With an Idempotency-Key that the caller has
 * used before nothing is done, and the answer is about that job.
 *
 * body  task; kwargs; any of queue, priority, eta or countdown (seconds),
 *       expires
 *
 * LG422: see errors; or the key came with another body.
 */
create or replace function api.job_create(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    body constant jsonb := request -> 'body';
    key constant text := request ->> 'idempotency_key';
    user_id constant bigint := (request #>> '{principal,user_id}')::bigint;
    digest constant text := encode(sha256(convert_to(body::text, 'UTF8')), 'hex');
    job public.jobs;
begin
    perform private.caller_prove(request);
    perform private.job_check(body);

    if key is not null then
        if char_length(key) not between 1 and 255 then
            perform private.refuse(422, 'Mend the fields listed in errors and send it again.',
                '[{"field": "Idempotency-Key", "message": "Send 1 to 255 characters."}]');
        end if;

        -- of two at once the second waits for the first
        perform pg_advisory_xact_lock(hashtext('leadgen jobs ' || coalesce(user_id, 0)), hashtext(key));

        select * into job from public.jobs j
        where coalesce(j.created_by, 0) = coalesce(user_id, 0) and j.idempotency_key = key;

        if job.idempotency_digest <> digest then
            perform private.refuse(422, 'This Idempotency-Key came with another body before: send another key.',
                '[{"field": "Idempotency-Key", "message": "It belongs to another job."}]');
        end if;
    end if;

    if job.id is null then
        job := private.job_put(
            (request ->> 'request_id')::uuid, body ->> 'task', coalesce(body -> 'kwargs', '{}'),
            body ->> 'queue', (body ->> 'priority')::integer,
            coalesce(
                private.to_time(body ->> 'eta'),
                now() + (body ->> 'countdown')::integer * interval '1 second'
            ),
            private.to_time(body ->> 'expires'), user_id, request #>> '{principal,email}', request ->> 'trace'
        );

        if key is not null then
            update public.jobs j
            set idempotency_key = key, idempotency_digest = digest
            where j.id = job.id;
        end if;
    end if;

    perform private.job_audit(request, 'job_enqueued', job, 202);

    return row(
        202,
        jsonb_build_object(
            'id', job.id, 'task', job.task, 'queue', job.queue, 'eta', private.to_json_time(job.eta)
        ),
        '/api/jobs/' || job.id,
        true
    )::api.reply;
end
$$;


-- A cursor of the list: a version byte, 8 bytes of the time and 16 of the id.
create or replace function private.job_cursor(enqueued_at timestamptz, id uuid) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
select rtrim(translate(encode(
    '\x03'::bytea || int8send((extract(epoch from enqueued_at) * 1000000)::bigint) || uuid_send(id), 'base64'
), '+/', '-_'), '=');
$$;


-- The time and the id of a cursor, or NULL when the text is not one.
create or replace function private.job_cursor_place(
    cursor text, out enqueued_at timestamptz, out id uuid
)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    bytes text;
begin
    bytes := encode(decode(translate(cursor, '-_', '+/') || '==', 'base64'), 'hex');
    enqueued_at := timestamptz 'epoch'
        + ('x' || substr(bytes, 3, 16))::bit(64)::bigint * interval '1 microsecond';
    id := substr(bytes, 19)::uuid;

    if private.job_cursor(enqueued_at, id) is distinct from cursor then
        enqueued_at := null;
        id := null;
    end if;
exception
    when data_exception then
        enqueued_at := null;
        id := null;
end
$$;


/*
 * GET /api/jobs: newest first.
 *
 * query  any of task, queue, status, limit (1 to 200, else 50), cursor
 *
 * Returns {"items": [...], "next_cursor": text or null}.  LG422: see errors.
 */
create or replace function api.jobs(request jsonb) returns api.reply
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    query constant jsonb := coalesce(request -> 'query', '{}');
    states constant text[] := array['pending', 'queued', 'started', 'retrying', 'lost',
        'succeeded', 'failed', 'revoked', 'expired'];
    errors jsonb;
    page_size integer;
    place record;
    items jsonb;
    last record;
    is_more boolean;
begin
    select jsonb_agg(jsonb_build_object('field', f.name, 'message', m.message) order by f.name)
    into errors
    from jsonb_each_text(query) as f (name, value)
    cross join lateral (select case f.name
        when 'task' then case when f.value not in (select t.name from private.tasks() t) then
            'Send one of ' || (select string_agg(t.name, ', ') from private.tasks() t) || '.'
        end
        when 'queue' then case when f.value not in (select t.queue from private.tasks() t) then
            'Send one of '
            || (select string_agg(distinct t.queue, ', ' order by t.queue) from private.tasks() t) || '.'
        end
        when 'status' then case when not f.value = any(states) then
            'Send one of ' || array_to_string(states, ', ') || '.'
        end
        when 'limit' then case
            when f.value !~ '^[0-9]{1,3}$' or f.value::integer not between 1 and 200 then
                'Send a whole number from 1 to 200.'
        end
        when 'cursor' then case when (select p.id is null from private.job_cursor_place(f.value) p) then
            'Send the next_cursor of the page before, as it was, or leave it out for the first page.'
        end
        else 'There is no such filter: there are task, queue and status, and limit and cursor.'
    end) as m (message)
    where m.message is not null;

    if errors is not null then
        perform private.refuse(422, 'Mend the filters listed in errors and send it again.', errors);
    end if;

    page_size := coalesce((query ->> 'limit')::integer, 50);
    select * into place from private.job_cursor_place(query ->> 'cursor');

    with found as materialized (
        select *
        from public.jobs j
        where (place.id is null or (j.enqueued_at, j.id) < (place.enqueued_at, place.id))
            and (not query ? 'task' or j.task = query ->> 'task')
            and (not query ? 'queue' or j.queue = query ->> 'queue')
            and (not query ? 'status' or j.status = query ->> 'status')
        order by j.enqueued_at desc, j.id desc
        limit page_size + 1
    ), page as (
        select * from found order by enqueued_at desc, id desc limit page_size
    )
    select
        coalesce(
            jsonb_agg(private.job_object(p.*::public.jobs) - 'traceback' order by p.enqueued_at desc, p.id desc),
            '[]'
        ),
        (select count(*) > page_size from found)
    into items, is_more
    from page p;

    return row(
        200,
        jsonb_build_object(
            'items', items,
            'next_cursor', case when is_more then private.job_cursor(
                private.to_time(items -> -1 ->> 'enqueued_at'), (items -> -1 ->> 'id')::uuid
            ) end
        ),
        null,
        false
    )::api.reply;
end
$$;


-- GET /api/jobs/:id.  LG404: there is none.
create or replace function api.job(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return row(200, private.job_object(private.job_of_path(request)), null, false)::api.reply;
end
$$;


/*
 * DELETE /api/jobs/:id: revokes a job.
 *
 * query  terminate=true: end it although it runs
 *
 * 204: it will not run.  202 with the job: workers are told, and its status says
 * when they have done so.  LG404.  LG409: it has ended, or it runs and terminate
 * is not asked for.  LG422: another query.
 */
create or replace function api.job_delete(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    query constant jsonb := coalesce(request -> 'query', '{}');
    is_hard boolean;
    job public.jobs;
begin
    perform private.caller_prove(request);

    if query - 'terminate' <> '{}' or coalesce(query ->> 'terminate', 'true') not in ('true', 'false') then
        perform private.refuse(422, 'There is one parameter: terminate, true or false.',
            '[{"field": "terminate", "message": "Send true or false."}]');
    end if;

    is_hard := coalesce((query ->> 'terminate')::boolean, false);
    job := private.job_of_path(request);

    if job.status in ('succeeded', 'failed', 'revoked', 'expired') or job.finished_at is not null then
        perform private.refuse(409, format('The job has ended: %s.', job.status));
    end if;

    if job.status in ('started', 'retrying') and not is_hard then
        perform private.refuse(409, 'The job runs: with ?terminate=true it is ended.');
    end if;

    -- a worker that asks first does not begin it from now on; others are told
    update public.jobs j
    set
        revoke = case when is_hard then 'terminate' else 'revoke' end,
        revoke_at = case when j.taken_at is not null then now() end,
        status = case when j.status in ('started', 'retrying') then j.status else 'revoked' end,
        finished_at = case when j.status not in ('started', 'retrying') then now() end,
        due_at = null
    where j.id = job.id
    returning * into job;

    if job.revoke_at is not null then
        perform private.job_notify();
    end if;

    perform private.job_audit(
        request, 'job_revoked', job, case when job.revoke_at is null then 204 else 202 end,
        jsonb_build_object('terminate', is_hard)
    );

    if job.revoke_at is null then
        return row(204, null, null, true)::api.reply;
    end if;

    return row(202, private.job_object(job), null, true)::api.reply;
end
$$;


/*
 * POST /api/jobs/:id/retry: has a job that failed, was lost or came too late run
 * again, under the same id; or one that was revoked before Redis had it.
 *
 * LG404.  LG409: it did not end so.
 */
create or replace function api.job_retry(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    job public.jobs;
begin
    perform private.caller_prove(request);

    job := private.job_of_path(request);

    if job.status = 'revoked' and job.taken_at is not null then
        perform private.refuse(409, 'Workers were told to revoke this id: post the job anew.');
    end if;

    if job.status not in ('failed', 'lost', 'expired', 'revoked') then
        perform private.refuse(409, format('The job can''t be retried: it is %s.', job.status));
    end if;

    update public.jobs j
    set
        status = 'pending',
        due_at = now(),
        eta = null,
        expires = null,
        enqueued_at = j.enqueued_at,
        started_at = null,
        finished_at = null,
        worker = null,
        retries = 0,
        progress_done = null,
        progress_total = null,
        result = null,
        error = null,
        traceback = null,
        revoke = null,
        revoke_at = null
    where j.id = job.id
    returning * into job;

    perform private.job_notify();
    perform private.job_audit(request, 'job_retried', job, 202);

    return row(202, private.job_object(job), '/api/jobs/' || job.id, true)::api.reply;
end
$$;


/*
 * GET /api/jobs/queues: what waits, in PostgreSQL and in Redis as the relay saw
 * it last.
 *
 * waiting         messages in Redis, of all priorities, whoever put them there
 * unacknowledged  messages that workers have taken and not acknowledged
 * scheduled       jobs whose time has not come
 * pending         jobs that are due and not in Redis yet
 * oldest_seconds  age of the oldest job that is due and not begun; NULL: none
 * rate_per_minute jobs that ended within the last minute
 */
create or replace function api.job_queues(request jsonb) returns api.reply
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select row(200, jsonb_build_object('queues', jsonb_agg(jsonb_build_object(
    'name', n.queue,
    'waiting', coalesce(q.waiting, 0),
    'unacknowledged', coalesce(q.unacknowledged, 0),
    'checked_at', private.to_json_time(q.checked_at),
    'scheduled', o.scheduled,
    'pending', o.pending,
    'queued', o.queued,
    'started', o.started,
    'retrying', o.retrying,
    'lost', o.lost,
    'oldest_seconds', o.oldest,
    'rate_per_minute', f.ended
) order by n.queue)), null, false)::api.reply
from (select distinct t.queue from private.tasks() t) n
left join public.job_queues q on q.queue = n.queue
cross join lateral (
    select
        count(*) filter (where j.status = 'pending' and j.due_at > now()) as scheduled,
        count(*) filter (where j.status = 'pending' and j.due_at <= now()) as pending,
        count(*) filter (where j.status = 'queued') as queued,
        count(*) filter (where j.status = 'started') as started,
        count(*) filter (where j.status = 'retrying') as retrying,
        count(*) filter (where j.status = 'lost') as lost,
        floor(extract(epoch from now() - min(greatest(j.enqueued_at, j.eta)) filter (
            where j.status = 'queued' or (j.status = 'pending' and j.due_at <= now())
        )))::bigint as oldest
    from public.jobs j
    where j.queue = n.queue and j.status in ('pending', 'queued', 'started', 'retrying', 'lost')
) o
cross join lateral (
    select count(*) as ended from public.jobs j
    where j.queue = n.queue and j.finished_at > now() - interval '1 minute'
) f;
$$;


/*
 * GET /api/jobs/workers: as their heartbeats, every 2 seconds, tell.
 *
 * status  online; consuming_nothing: it lives, and nothing was begun for a
 *         minute although jobs wait in Redis; offline, for up to a day
 * active  tasks that run
 */
create or replace function api.job_workers(request jsonb) returns api.reply
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select row(200, jsonb_build_object('workers', coalesce(jsonb_agg(jsonb_build_object(
    'hostname', w.hostname,
    'status', case
        when not private.job_worker_lives(w.hostname) then 'offline'
        when w.active = 0 and b.is_stuck then 'consuming_nothing'
        else 'online'
    end,
    'pid', w.pid,
    'active', w.active,
    'processed', w.processed,
    'software', w.software,
    'last_heartbeat', private.to_json_time(w.last_heartbeat),
    'jobs', (
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', r.id, 'task', r.task, 'started_at', private.to_json_time(r.started_at)
        ) order by r.started_at), '[]')
        from (
            select * from public.jobs j
            where j.status = 'started' and j.worker = w.hostname
            order by j.started_at limit 50
        ) r
    )
) order by w.hostname), '[]')), null, false)::api.reply
from public.job_workers w
cross join (
    select exists (
        select from public.jobs j
        where j.status = 'queued' and j.relayed_at < now() - interval '1 minute'
    ) and not exists (
        select from public.jobs j
        where j.status in ('started', 'retrying') or j.finished_at > now() - interval '1 minute'
    ) as is_stuck
) b
where w.last_heartbeat > now() - interval '1 day';
$$;


/*
 * Jobs by queue and state, for metrics: cheap however many there are, since no
 * number is counted beyond 10000.
 *
 * jobs    those that ended, of the last hour
 * waited  milliseconds that the oldest one has waited, of those that are due:
 *         pending for Redis, queued there for a worker; NULL in other states
 */
create or replace function api.job_figures()
returns table(queue text, state text, jobs bigint, waited bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select
    q.queue, s.state,
    (
        select count(*) from (
            select from public.jobs j where j.queue = q.queue and j.status = s.state limit 10000
        ) counted
    ),
    case s.state
        when 'pending' then coalesce((
            select floor(1000 * extract(epoch from now() - j.due_at))::bigint from public.jobs j
            where j.queue = q.queue and j.status = 'pending' and j.due_at <= now()
            order by j.due_at limit 1
        ), 0)
        when 'queued' then coalesce((
            select floor(1000 * extract(epoch from now() - j.relayed_at))::bigint from public.jobs j
            where j.queue = q.queue and j.status = 'queued' and j.relayed_at <= now()
            order by j.relayed_at limit 1
        ), 0)
    end
from (select distinct t.queue from private.tasks() t) q
cross join unnest(array['pending', 'queued', 'started', 'retrying', 'lost']) as s (state)
union all
select q.queue, s.state, coalesce(e.n, 0), null
from (select distinct t.queue from private.tasks() t) q
cross join unnest(array['succeeded', 'failed', 'revoked', 'expired']) as s (state)
left join (
    select j.queue, j.status, least(count(*), 10000) as n
    from (
        select f.queue, f.status from public.jobs f
        where f.finished_at > now() - interval '1 hour'
        order by f.finished_at desc limit 100000
    ) j
    group by j.queue, j.status
) e on e.queue = q.queue and e.status = s.state;
$$;


/*
 * GET /api/jobs/schedule
 *
 * 200 with schedule, by the next time: what beat asks for by itself, when it is
 * due, when it last was, and with which job.  is_overdue: a minute late, so
 * that no beat is running.  LG422 for any query.
 */
create or replace function api.job_schedule(request jsonb) returns api.reply
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    schedule jsonb;
    errors jsonb;
begin
    select jsonb_agg(jsonb_build_object('field', name, 'message', 'There is no such field.') order by name)
    into errors
    from jsonb_object_keys(request -> 'query') as name;

    if errors is not null then
        perform private.refuse(422, 'The schedule takes no query.', errors);
    end if;

    select coalesce(jsonb_agg(
        jsonb_build_object(
            'name', s.entry,
            'task', s.task,
            'function', s.function,
            'kwargs', s.kwargs,
            'period', s.period,
            'due_at', private.to_json_time(s.due),
            'is_overdue', s.due < now() - interval '1 minute',
            'last_at', private.to_json_time(last.at),
            'last_job', last.job,
            'last_status', last.status
        )
        order by s.due, s.entry
    ), '[]')
    into schedule
    from mail.beat_schedule s
    left join lateral (
        select r.at, j.id as job, j.status
        from mail.beat_runs r
        left join public.jobs j on j.id = r.job
        where r.entry = s.entry
        order by r.slot desc
        limit 1
    ) as last on true;

    return row(200, jsonb_build_object('schedule', schedule), null, false)::api.reply;
end
$$;
