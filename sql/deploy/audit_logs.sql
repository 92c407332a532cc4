-- Deploy leadgen:audit_logs to pg
-- requires: users

begin;

/*
 * What happened.  The id is a UUIDv7, whose first 48 bits are milliseconds
 * since 1970: the order of ids is the order of events, and a month is a range
 * of ids.  There is no foreign key to users: history outlives them.
 */
create table public.audit_logs (
    id uuid not null primary key,
    action text not null,
    user_id bigint,
    user_email text,
    resource_type text,
    resource_id text,
    details jsonb not null default '{}' check (jsonb_typeof(details) = 'object'),
    ip_address inet,
    user_agent text,
    timestamp timestamptz not null,
    success boolean,
    error_message text
) partition by range (id);

comment on column public.audit_logs.success is 'NULL: the outcome is unknown';

-- newest first by each filter of GET /api/admin/audit-logs
create index audit_logs_action on public.audit_logs (action, id);
create index audit_logs_user_id on public.audit_logs (user_id, id)
where user_id is not null;
create index audit_logs_user_email
on public.audit_logs ((private.canonical_email(user_email)) collate "C", id)
where user_email is not null;
create index audit_logs_resource_type on public.audit_logs (resource_type, id)
where resource_type is not null;
create index audit_logs_resource_id on public.audit_logs (resource_id, id)
where resource_id is not null;
create index audit_logs_ip_address on public.audit_logs (ip_address, id)
where ip_address is not null;
create index audit_logs_not_success on public.audit_logs (success, id)
where success is not true;

-- Old months are detached and dropped whole; rows are never touched.
create function private.audit_logs_immutable() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'audit_logs can only be added to: % refused', tg_op
        using errcode = 'insufficient_privilege',
              hint = 'To end the retention of a month, detach its partition and drop it.';
end
$$;

-- a trigger of rows is inherited by partitions, one of TRUNCATE is not
create trigger audit_logs_immutable
before update or delete on public.audit_logs
for each row execute function private.audit_logs_immutable();

create trigger audit_logs_untruncatable
before truncate on public.audit_logs
for each statement execute function private.audit_logs_immutable();

-- the net for ids whose month has no partition
create table public.audit_logs_default partition of public.audit_logs default;

create trigger audit_logs_untruncatable
before truncate on public.audit_logs_default
for each statement execute function private.audit_logs_immutable();

commit;
