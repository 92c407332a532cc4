-- Deploy leadgen:campaign_mail to pg
-- requires: jobs

/*
 * Campaigns' mail and its figures: the tables of Celery workers.  Campaigns and
 * leads are the application's; here they are numbers.
 */

begin;

create schema mail;

comment on schema mail is 'Campaigns'' mail: the tables of Celery workers';

grant usage on schema mail to leadgen_worker;

create table mail.messages (
    id uuid primary key default gen_random_uuid(),
    campaign_id bigint not null,
    lead_id bigint not null,
    kind text not null check (kind in ('campaign', 'followup')),
    recipient text not null,
    subject text,
    status text not null default 'new' check (status in (
        'new', 'handed', 'sent', 'rejected', 'suppressed', 'bounced'
    )),
    attempts integer not null default 0,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    sent_at timestamptz,
    error text,

    -- never twice
    unique (campaign_id, lead_id, kind)
);

create index messages_sent on mail.messages (sent_at) where sent_at is not null;
create index messages_refused on mail.messages (changed_at) where status in ('rejected', 'suppressed');
create index messages_lead on mail.messages (lead_id);

comment on column mail.messages.id is 'Part of its Message-ID, of its links and of the address of its bounces';
comment on column mail.messages.status is 'handed: the mail server has the text, and may have taken it';

create table mail.email_events (
    id uuid primary key,
    message_id uuid not null references mail.messages on delete cascade,
    kind text not null check (kind in (
        'open', 'click', 'bounce', 'soft_bounce', 'delay', 'unsubscribe', 'complaint', 'reply'
    )),
    at timestamptz not null,
    is_machine boolean not null default false,
    ip_address inet,
    user_agent text,
    url text,
    details jsonb
);

create index email_events_message on mail.email_events (message_id, kind);
create index email_events_at on mail.email_events (at);

comment on column mail.email_events.id is 'Of the hit, or derived from the report: the same event comes once';
comment on column mail.email_events.is_machine is 'A proxy or scanner opened or followed it, nobody has read it';

create table mail.suppressions (
    address text primary key check (address = lower(address)),
    reason text not null check (reason in ('bounced', 'unsubscribed', 'complained', 'manual')),
    message_id uuid,
    detail text,
    created_at timestamptz not null default now()
);

create table mail.daily_metrics (
    day date not null,
    campaign_id bigint not null,
    sent bigint not null,
    rejected bigint not null,
    suppressed bigint not null,
    opened bigint not null,
    clicked bigint not null,
    bounced bigint not null,
    unsubscribed bigint not null,
    machine_opens bigint not null,
    calculated_at timestamptz not null default now(),
    primary key (day, campaign_id)
);

create table mail.campaign_figures (
    campaign_id bigint primary key,
    figures jsonb not null,
    calculated_at timestamptz not null default now()
);

-- when recipients react; campaign 0: those of all campaigns
create table mail.send_times (
    campaign_id bigint primary key,
    model jsonb not null,
    learned_at timestamptz not null default now()
);

create table mail.reports (
    id uuid primary key,
    user_id bigint not null,
    first_day date not null,
    last_day date not null,
    format text not null,
    file text not null,
    created_at timestamptz not null default now()
);

create table mail.exports (
    id uuid primary key,
    dataset text not null,
    format text not null,
    file text not null,
    lines bigint not null,
    bytes bigint not null,
    expires_at timestamptz not null,
    created_at timestamptz not null default now()
);

grant select, insert, update, delete on all tables in schema mail to leadgen_worker;

commit;
