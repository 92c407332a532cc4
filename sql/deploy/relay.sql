-- Deploy leadgen:relay to pg
-- requires: jobs

begin;

-- what is older than what was told last is no news
alter table public.jobs add column reported_at timestamptz;

-- the list, newest first
create index jobs_newest on public.jobs (enqueued_at, id);
-- those that Redis or a worker has
create index jobs_out on public.jobs (id) where status in ('queued', 'started', 'retrying');

commit;
