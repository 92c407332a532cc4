-- Deploy leadgen:users to pg
-- requires: roles

begin;

/*
 * The form in which two e-mail addresses are the same account.  Indexes are
 * built on it, so it stays with the tables: a change is a new migration that
 * rebuilds them.  The collations are named, because the one of the database
 * may know ASCII letters only.  A result of 255 characters was cut and is no
 * account's: it keeps whatever was typed small enough for an index.
 */
create function private.canonical_email(email text) returns text
language sql immutable strict parallel safe
return left(lower(btrim(normalize(email, nfkc)) collate "und-x-icu"), 255);

create table public.users (
    id bigint generated always as identity primary key,
    email text not null,
    name text not null,
    hashed_password text not null,
    role text not null default 'user',
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    last_login timestamptz,

    constraint users_email_valid check (
        char_length(private.canonical_email(email)) between 3 and 254
        and char_length(email) between 3 and 254
        and email ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$'
    ),
    constraint users_name_valid check (char_length(name) between 1 and 200),
    constraint users_hashed_password_valid check (char_length(hashed_password) between 1 and 255),
    constraint users_role_valid check (role ~ '^[a-z][a-z0-9_-]{0,62}$')
);

create unique index users_email_unique
on public.users ((private.canonical_email(email)) collate "C");

comment on column public.users.hashed_password is
'In the form of crypt(3): yescrypt for new ones, bcrypt accepted';

commit;
