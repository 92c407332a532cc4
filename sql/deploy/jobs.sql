-- Deploy leadgen:jobs to pg
-- requires: roles

/*
 * Jobs: who needs one done puts a row here in the transaction of what it is
 * about.  An elected gateway, the relay, brings due ones to Redis, where Celery
 * workers take them from, and here stands what became of them.
 */

begin;

do $$
begin
    create role leadgen_worker nologin;
exception
    -- roles belong to the whole cluster: another database made it
    when duplicate_object or unique_violation then null;
end
$$;

create schema job;

comment on schema job is 'What Celery workers may call';

grant usage on schema job to leadgen_worker;

create table public.jobs (
    id uuid primary key,
    task text not null check (char_length(task) between 1 and 63),
    queue text not null check (queue ~ '^[a-z][a-z0-9_]{0,62}$'),
    priority smallint not null default 0 check (priority in (0, 3, 6, 9)),
    kwargs jsonb not null check (jsonb_typeof(kwargs) = 'object'),
    status text not null default 'pending' check (status in (
        'pending', 'queued', 'started', 'retrying', 'lost',
        'succeeded', 'failed', 'revoked', 'expired'
    )),
    eta timestamptz,
    expires timestamptz,
    enqueued_at timestamptz not null default now(),
    due_at timestamptz,
    taken_at timestamptz,
    relayed_at timestamptz,
    relays integer not null default 0,
    started_at timestamptz,
    finished_at timestamptz,
    worker text,
    retries integer not null default 0,
    progress_done bigint,
    progress_total bigint,
    result jsonb,
    error text,
    traceback text,
    created_by bigint,
    created_by_email text,
    idempotency_key text,
    idempotency_digest text,
    revoke text check (revoke in ('revoke', 'terminate')),
    revoke_at timestamptz
);

-- what the relay looks for, each time it wakes up
create index jobs_due on public.jobs (due_at) where due_at is not null;
create index jobs_revoke on public.jobs (revoke_at) where revoke_at is not null;
-- what is under way: few rows of many
create index jobs_open on public.jobs (status, queue, relayed_at)
where status in ('pending', 'queued', 'started', 'retrying', 'lost');
create index jobs_task on public.jobs (task, id);
create index jobs_finished on public.jobs (finished_at) where finished_at is not null;
create unique index jobs_idempotency on public.jobs (coalesce(created_by, 0), idempotency_key)
where idempotency_key is not null;

comment on column public.jobs.id is 'UUIDv7: of the request that asked for it, if there was one';
comment on column public.jobs.due_at is 'When the relay may bring it to Redis; NULL: there is nothing to bring';
comment on column public.jobs.taken_at is 'When the relay set out to bring it: from then on it may be in Redis';
comment on column public.jobs.relays is 'How often it was brought to Redis: more than once, when Redis or a worker lost it';
comment on column public.jobs.revoke_at is 'When workers are to be told, again, that it is revoked; NULL: they need not';

-- as their heartbeats tell; nothing is lost with it
create unlogged table public.job_workers (
    hostname text primary key,
    pid integer,
    since timestamptz not null,
    last_heartbeat timestamptz not null,
    active integer,
    processed bigint,
    software text,
    is_online boolean not null default true
);

-- Redis, as the relay last saw it
create unlogged table public.job_queues (
    queue text primary key,
    waiting bigint not null,
    unacknowledged bigint not null,
    checked_at timestamptz not null
);

-- openings of mails and followed links, until a job has them
create table public.tracking_hits (
    id uuid primary key,
    kind text not null check (kind in ('open', 'click')),
    message uuid not null,
    at timestamptz not null,
    ip_address inet,
    user_agent text,
    url text
);

commit;
