-- Deploy leadgen:refresh_tokens to pg
-- requires: sessions

begin;

/*
 * The refresh tokens of a session, by their SHA-256.  Each is used once and has
 * one successor then; the one that is unused is the session's current one.
 * They stay as long as their session, so that a second use is noticed.
 */
create table public.refresh_tokens (
    hash bytea primary key check (octet_length(hash) = 32),
    session_id uuid not null references public.sessions on delete cascade,
    issued_at timestamptz not null default now(),
    used_at timestamptz,
    successor bytea check (octet_length(successor) = 32),

    constraint refresh_tokens_used check ((used_at is null) = (successor is null))
);

create unique index refresh_tokens_current
on public.refresh_tokens (session_id) where used_at is null;
create index refresh_tokens_session_id on public.refresh_tokens (session_id);

insert into public.refresh_tokens (hash, session_id, issued_at)
select refresh_token_hash, id, created_at from public.sessions;

alter table public.sessions drop column refresh_token_hash;

commit;
