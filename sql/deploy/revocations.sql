-- Deploy leadgen:revocations to pg
-- requires: sessions

begin;

/*
 * Access tokens of a user, or of a session, that were issued before the epoch
 * are refused.  A row is of use until keep_until, when the last such token has
 * expired.  There are no foreign keys: deletion revokes, too.
 */
create table public.revocations (
    sequence bigint generated always as identity primary key,
    kind text not null check (kind in ('user', 'session')),
    user_id bigint not null,
    session uuid,
    epoch timestamptz not null,
    keep_until timestamptz not null,

    constraint revocations_subject check ((kind = 'session') = (session is not null))
);

create index revocations_user_id on public.revocations (user_id) where kind = 'user';
create index revocations_keep_until on public.revocations (keep_until);

commit;
