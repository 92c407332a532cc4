-- Deploy leadgen:password_resets to pg
-- requires: users

begin;

-- One-time tokens for a forgotten password, by their SHA-256.
create table public.password_resets (
    hash bytea primary key check (octet_length(hash) = 32),
    user_id bigint not null references public.users on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
);

create index password_resets_user_id on public.password_resets (user_id);

commit;
