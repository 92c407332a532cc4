-- Deploy leadgen:sessions to pg
-- requires: users

begin;

-- Who is logged in where.  Of a refresh token only its SHA-256 is known here.
create table public.sessions (
    id uuid primary key,
    user_id bigint not null references public.users on delete cascade,
    refresh_token_hash bytea not null unique check (octet_length(refresh_token_hash) = 32),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    ip_address inet,
    user_agent text
);

create index sessions_user_id on public.sessions (user_id);

commit;
