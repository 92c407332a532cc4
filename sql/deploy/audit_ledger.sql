-- Deploy leadgen:audit_ledger to pg
-- requires: audit_figures

begin;

/*
 * The chain over audit_logs.  A gateway, which alone knows the key, seals each
 * row: its mac covers the seal before, the row's id and the digest of what the
 * row says.  An anchor fixes how far the chain went.
 */
create table public.audit_seals (
    sequence bigint not null primary key check (sequence > 0),
    id uuid not null unique,
    digest bytea not null check (octet_length(digest) = 32),
    mac bytea not null check (octet_length(mac) = 32),
    at timestamptz not null default now()
);

create index audit_seals_at on public.audit_seals (at);

create table public.audit_anchors (
    number bigint not null primary key check (number > 0),
    sequence bigint not null,
    mac bytea not null check (octet_length(mac) = 32),
    at timestamptz not null default now()
);

create index audit_anchors_sequence on public.audit_anchors (sequence);

-- Rows that wait for their seal.
create table public.audit_unsealed (
    id uuid not null primary key
);

create table public.audit_settings (
    only_one boolean not null primary key default true check (only_one),
    retention interval,
    told_at timestamptz not null default now()
);

create function private.audit_ledger_immutable() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% can only be added to: % refused', tg_table_name, tg_op
        using errcode = 'insufficient_privilege';
end
$$;

create trigger audit_seals_immutable
before update or delete or truncate on public.audit_seals
for each statement execute function private.audit_ledger_immutable();

create trigger audit_anchors_immutable
before update or delete or truncate on public.audit_anchors
for each statement execute function private.audit_ledger_immutable();

create function private.audit_logs_queue() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    insert into public.audit_unsealed (id) select id from added;

    return null;
end
$$;

create trigger audit_logs_queue
after insert on public.audit_logs
referencing new table as added
for each statement execute function private.audit_logs_queue();

-- what is there is sealed as it is found
insert into public.audit_unsealed (id) select id from public.audit_logs;

commit;
