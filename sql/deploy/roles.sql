-- Deploy leadgen:roles to pg

/*
 * Two schemas: what the gateway may call is in api, what only the owner and
 * the functions of api may use is in private.  Tables are in public, where the
 * gateway has no right at all.
 */

begin;

do $$
begin
    create role leadgen_gateway nologin;
exception
    -- roles belong to the whole cluster: another database made it
    when duplicate_object or unique_violation then null;
end
$$;

create schema api;
create schema private;

comment on schema api is 'What the gateway may call';
comment on schema private is 'What the functions of schema api are made of';

grant usage on schema api to leadgen_gateway;

-- in a database older than PostgreSQL 15 everybody may create in public
revoke create on schema public from public;

-- what every function of schema api with a request returns
create type api.reply as (
    status integer,
    body jsonb,
    location text,
    audited boolean
);

-- one row, written whenever the functions are applied
create table api.version (
    only_one boolean primary key default true check (only_one),
    version text not null,
    applied_at timestamptz not null
);

commit;
