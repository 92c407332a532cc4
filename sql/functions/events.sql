/*
 * Events: what the pump brings is told apart here, and goes to where it belongs:
 * hits on tracked mails to jobs, all others to the audit log, with the jobs that
 * some of them ask for.
 */


/*
 * Adds a batch of events; as api.audit_ingest, which see, but for events that are
 * hits, of the actions email_opened, email_clicked and email_unsubscribed.  Of
 * these resource_id is the message and the path in details the address that was
 * asked for.
 *
 * What was captured as "job" by a route with job=, {"task", "path", "body",
 * "trace"}, puts a job of the event's id into the outbox, together with the event's
 * row, if the answer was 2xx.  path has arguments, as texts; body names of what was
 * captured; trace, which may be missing, is the header sentry-trace.
 * A job whose arguments do not fit leaves the reason in "job_error" in details.
 *
 * Returns how many are new.
 */
create or replace function api.event_ingest(
    ids uuid[], timestamps timestamptz[], actions text[], user_ids bigint[],
    user_emails text[], resource_types text[], resource_ids text[],
    details jsonb[], ip_addresses text[], user_agents text[],
    successes boolean[], error_messages text[]
) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    hits constant text[] := array['email_opened', 'email_clicked', 'email_unsubscribed'];
    added integer := 0;
    place integer;
begin
    if actions && hits then
        insert into public.tracking_hits (id, kind, message, at, ip_address, user_agent, url)
        select
            e.id,
            case e.action
                when 'email_opened' then 'open' when 'email_clicked' then 'click'
                else 'unsubscribe'
            end,
            e.resource_id::uuid, e.timestamp, private.to_inet(e.ip_address),
            left(e.user_agent, 1024), left(e.details ->> 'path', 2048)
        from unnest(ids, timestamps, actions, resource_ids, details, ip_addresses, user_agents) as e (
            id, timestamp, action, resource_id, details, ip_address, user_agent
        )
        where e.action = any(hits)
        on conflict do nothing;

        get diagnostics added = row_count;

        select
            array_agg(e.id), array_agg(e.timestamp), array_agg(e.action), array_agg(e.user_id),
            array_agg(e.user_email), array_agg(e.resource_type), array_agg(e.resource_id),
            array_agg(e.details), array_agg(e.ip_address), array_agg(e.user_agent),
            array_agg(e.success), array_agg(e.error_message)
        into
            ids, timestamps, actions, user_ids, user_emails, resource_types, resource_ids, details,
            ip_addresses, user_agents, successes, error_messages
        from unnest(
            ids, timestamps, actions, user_ids, user_emails, resource_types, resource_ids, details,
            ip_addresses, user_agents, successes, error_messages
        ) as e (
            id, timestamp, action, user_id, user_email, resource_type, resource_id, details,
            ip_address, user_agent, success, error_message
        )
        where not e.action = any(hits);

        if ids is null then
            return added;
        end if;
    end if;

    for place in
        select d.ordinality from unnest(details) with ordinality d (detail, ordinality)
        where d.detail -> 'captured' ? 'job'
    loop
        if successes[place] and details[place] ->> 'status' like '2__' then
            details[place] := private.job_of_event(
                ids[place], details[place], user_ids[place], user_emails[place]
            );
        end if;
    end loop;

    return added + api.audit_ingest(
        ids, timestamps, actions, user_ids, user_emails, resource_types, resource_ids, details,
        ip_addresses, user_agents, successes, error_messages
    );
end
$$;


-- Puts the job of an event into the outbox; returns the details to store.
create or replace function private.job_of_event(
    id uuid, details jsonb, user_id bigint, user_email text
) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant jsonb := details #> '{captured,job}';
    kwargs jsonb;
    errors text;
begin
    select coalesce(jsonb_object_agg(v.name, case
        -- a segment of a path is a text, whatever it means
        when a.type = 'integer' and v.value #>> '{}' ~ '^[0-9]{1,16}$' then
            to_jsonb((v.value #>> '{}')::bigint)
        else v.value
    end), '{}')
    into kwargs
    from (
        select p.key, p.value from jsonb_each(wanted -> 'path') p
        union all
        select b.key, details -> 'captured' -> b.value from jsonb_each_text(wanted -> 'body') b
    ) as v (name, value)
    left join private.task_arguments() a
        on a.task = wanted ->> 'task' and a.parent = '' and a.name = v.name
    where v.value is not null;

    perform private.job_put(
        id, wanted ->> 'task', kwargs, null, null, null, null, user_id, user_email, wanted ->> 'trace'
    );

    return details;
exception
    when sqlstate 'LG422' then
        get stacked diagnostics errors = pg_exception_detail;
        return details || jsonb_build_object('job_error', errors::jsonb);
end
$$;
