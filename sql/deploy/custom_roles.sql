-- Deploy leadgen:custom_roles to pg
-- requires: users

begin;

/*
 * Roles beside those of the gateways' configuration, which has no table.  The
 * version is another one after each change, and a later one: gateways keep the
 * set with the highest.
 */
create table public.roles (
    name text not null primary key,
    permissions text[] not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),

    constraint roles_name_valid check (name ~ '^[a-z][a-z0-9_-]{0,62}$')
);

create table public.roles_version (
    only_one boolean not null primary key default true check (only_one),
    version bigint not null
);

insert into public.roles_version (version) values (1);

create index users_role on public.users (role);

commit;
