-- Deploy leadgen:mails to pg
-- requires: roles

begin;

/*
 * The outbox: mails stand here before anybody is told that they will come, and
 * are tried until the mail server has taken them or they expire.
 */
create table public.mails (
    id uuid primary key default gen_random_uuid(),
    recipient text not null check (char_length(recipient) between 3 and 254),
    subject text not null check (octet_length(subject) between 1 and 255),
    body text check (octet_length(body) <= 65536),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    attempts integer not null default 0,
    next_attempt_at timestamptz default now(),
    sent_at timestamptz,
    error text,

    constraint mails_over_without_body check (next_attempt_at is not null or body is null)
);

create index mails_due on public.mails (next_attempt_at) where next_attempt_at is not null;
create index mails_over on public.mails (created_at) where next_attempt_at is null;

comment on column public.mails.body is 'May hold a one-time link: removed when the mail is sent or given up';
comment on column public.mails.next_attempt_at is 'NULL: sent or given up; while it is being sent, when somebody else may try';

commit;
