/*
 * Jobs: what can be asked for, and how it is put into the outbox.  What each job
 * goes through is in PL/pgSQL, which keeps its plans.
 */


-- A whole number within bounds, or not: 3.0 is none.
create or replace function private.is_whole(value jsonb, minimum bigint, maximum bigint)
returns boolean
language sql immutable parallel safe
return case
    when jsonb_typeof(value) = 'number' and value #>> '{}' ~ '^-?[0-9]{1,16}$' then
        (value #>> '{}')::bigint between minimum and maximum
    else false
end;


-- A day that there is: 2026-11-23.
create or replace function private.is_day(value text) returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then
        return false;
    end if;

    return make_date(
        left(value, 4)::integer, substr(value, 6, 2)::integer, right(value, 2)::integer
    ) is not null;
exception
    when data_exception then return false;
end
$$;


/*
 * What is wrong with the value of an argument, as a sentence about what to send;
 * NULL: nothing.
 *
 * type, minimum, maximum, choices  as in include/tables/tasks.def
 */
create or replace function private.task_value_error(
    value jsonb, type text, minimum bigint, maximum bigint, choices text[]
) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    -- by itself, as what has no query in it needs no plan
    if type = 'integer' then
        return case when not private.is_whole(value, minimum, maximum) then
            format('Send a whole number from %s to %s.', minimum, maximum)
        end;
    end if;

    return case type
        when 'integers' then case
            when jsonb_typeof(value) is distinct from 'array' then
                format('Send a list of whole numbers from %s to %s.', minimum, maximum)
            when exists (
                select from jsonb_array_elements(value) as e (item)
                where not private.is_whole(e.item, minimum, maximum)
            ) then
                format('Send a list of whole numbers from %s to %s.', minimum, maximum)
        end
        when 'objects' then case
            when jsonb_typeof(value) is distinct from 'array' then
                format('Send a list of 1 to %s objects.', maximum)
            when jsonb_array_length(value) not between 1 and maximum then
                format('Send a list of 1 to %s objects.', maximum)
        end
        else case
            when jsonb_typeof(value) is distinct from 'string' then 'Send a text.'
            when type = 'choice' and not value #>> '{}' = any(choices) then
                'Send one of ' || array_to_string(choices, ', ') || '.'
            when type = 'date' and not private.is_day(value #>> '{}') then
                'Send a day such as 2026-11-23.'
            when type = 'uuid' and value #>> '{}' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
                'Send a UUID.'
            when type = 'time' and private.to_time(value #>> '{}') is null then
                'Send a time such as 2026-11-23T08:00:00Z.'
            when type = 'address' and private.to_inet(value #>> '{}') is null then
                'Send an address such as 192.0.2.1 or 2001:db8::1.'
            when type = 'text' and char_length(value #>> '{}') not between 1 and maximum then
                format('Send 1 to %s characters.', maximum)
        end
    end;
end
$$;


/*
 * What is wrong with an object's members, by the arguments of a task (parent is
 * '') or the members of an argument that is a list of objects:
 * [{"field", "message"}], or NULL.
 *
 * path  stands before the names
 */
create or replace function private.task_object_errors(
    task text, parent text, value jsonb, path text
) returns jsonb
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    errors jsonb;
begin
    -- what most send, without a sort
    if jsonb_typeof(value) = 'object' and (
        select bool_and(case
            when coalesce(value -> a.name, 'null') = 'null' then not a.required
            else private.task_value_error(value -> a.name, a.type, a.minimum, a.maximum, a.choices) is null
        end) and value - array_agg(a.name) = '{}'
        from private.task_arguments() a where a.task = $1 and a.parent = $2
    ) then
        return null;
    end if;

    with arguments as (
        select a.* from private.task_arguments() a where a.task = $1 and a.parent = $2
    ), members as (
        select * from jsonb_each(case when jsonb_typeof(value) = 'object' then value else '{}' end)
    )
    select jsonb_agg(jsonb_build_object('field', path || e.name, 'message', e.message) order by e.name)
    into errors
    from (
        select coalesce(a.name, m.key), case
            when a.name is null then 'There is no such argument: ' || coalesce(
                'there are ' || (select string_agg(n.name, ', ') from arguments n) || '.', 'there are none.'
            )
            when m.value is null or m.value = 'null' then case when a.required then 'It is needed.' end
            else private.task_value_error(m.value, a.type, a.minimum, a.maximum, a.choices)
        end
        from arguments a
        full join members m on m.key = a.name
    ) as e (name, message)
    where e.message is not null;

    return errors;
end
$$;


/*
 * What is wrong with the arguments of a task: [{"field", "message"}], the field
 * with kwargs. before it, or NULL.
 */
create or replace function private.task_errors(task text, kwargs jsonb) returns jsonb
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    errors jsonb;
    list record;
    item record;
begin
    if jsonb_typeof(kwargs) is distinct from 'object' then
        return '[{"field": "kwargs", "message": "Send one JSON object."}]';
    end if;

    errors := private.task_object_errors(task, '', kwargs, 'kwargs.');

    if errors is not null or not kwargs @? 'strict $.* ? (@.type() == "array")' then
        return errors;
    end if;

    for list in
        select a.name from private.task_arguments() a
        where a.task = $1 and a.parent = '' and a.type = 'objects' and kwargs ? a.name
    loop
        for item in
            select i.value, i.ordinality - 1 as position
            from jsonb_array_elements(kwargs -> list.name) with ordinality i
        loop
            if jsonb_typeof(item.value) <> 'object' then
                return jsonb_build_array(jsonb_build_object(
                    'field', format('kwargs.%s.%s', list.name, item.position), 'message', 'Send an object.'
                ));
            end if;

            errors := private.task_object_errors(
                task, list.name, item.value, format('kwargs.%s.%s.', list.name, item.position)
            );

            if errors is not null then
                return errors;
            end if;
        end loop;
    end loop;

    return null;
end
$$;


/*
 * Puts a job into the outbox, in the transaction of the caller.
 *
 * id        of the job; if there is one of that id already, nothing is done
 * task      its short name or Celery's
 * kwargs    checked against the schema; arguments that are null are left out
 * queue     NULL: the task's own
 * priority  0 (first), 3, 6 or 9
 * eta       when it is to run; NULL: now
 * expires   when it is not to run any more; NULL: never
 * trace     the header sentry-trace that the worker goes on with; NULL: none
 *
 * LG422: see errors.
 */
drop function if exists private.job_put(
    uuid, text, jsonb, text, integer, timestamptz, timestamptz, bigint, text
);
create or replace function private.job_put(
    id uuid, task text, kwargs jsonb, queue text, priority integer, eta timestamptz,
    expires timestamptz, created_by bigint, created_by_email text, trace text
) returns public.jobs
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    known record;
    errors jsonb;
    job public.jobs;
begin
    select * into known from private.tasks() t where $2 in (t.name, t.full_name);

    if known.name is null then
        perform private.refuse(422, 'There is no such task.', jsonb_build_array(jsonb_build_object(
            'field', 'task',
            'message', 'Send one of ' || (select string_agg(t.name, ', ') from private.tasks() t) || '.'
        )));
    end if;

    errors := coalesce(private.task_errors(known.name, kwargs), '[]');

    if queue <> known.queue then
        if queue not in (select t.queue from private.tasks() t) then
            errors := errors || jsonb_build_array(jsonb_build_object(
                'field', 'queue',
                'message', 'Send one of '
                    || (select string_agg(distinct t.queue, ', ' order by t.queue) from private.tasks() t) || '.'
            ));
        end if;
    end if;

    if priority not in (0, 3, 6, 9) then
        errors := errors || '[{"field": "priority", "message": "Send 0, which comes first, 3, 6 or 9."}]';
    end if;

    if expires <= greatest(eta, now()) then
        errors := errors
            || '[{"field": "expires", "message": "Send a time after now and after that of eta."}]';
    end if;

    if errors <> '[]' then
        perform private.refuse(422, 'Mend the fields listed in errors and send it again.', errors);
    end if;

    insert into public.jobs as j (
        id, task, queue, priority, kwargs, eta, expires, due_at, created_by, created_by_email, trace
    ) values (
        $1, known.name, coalesce($4, known.queue), coalesce($5, 0), jsonb_strip_nulls($3), $6, $7,
        greatest(coalesce($6, now()), now()), $8, left($9, 254), $10
    )
    on conflict on constraint jobs_pkey do nothing
    returning * into job;

    if job.id is null then
        select * into job from public.jobs j where j.id = $1;
    elsif job.due_at <= now() and private.relay_rests(job.id) then
        perform private.job_notify();
    end if;

    return job;
end
$$;


/*
 * Whether no other job is due: if one is, the relay is awake already, or was and
 * looks again within a second.  Transactions that notify commit one by one.
 */
create or replace function private.relay_rests(but uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
-- the plan was made, and is kept, of when the table was small
set enable_seqscan = off
as $$
begin
    -- the newest first: those before it are mostly dead
    return not exists (
        select from public.jobs j where j.due_at <= now() and j.id <> but order by j.due_at desc limit 1
    );
end
$$;


-- Wakes the relay when the transaction commits.
create or replace function private.job_notify() returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
select pg_notify('leadgen_jobs', '');
$$;
