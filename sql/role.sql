/*
 * Makes or changes the role that the gateway logs in with.
 *
 * psql variable: role.  Environment: LEADGEN_PASSWORD_FILE, a file whose first
 * line is the password, or empty for a role without one.
 */

\set ON_ERROR_STOP on
\getenv file LEADGEN_PASSWORD_FILE

begin;

select
    :'role' in (current_user, session_user, 'leadgen_gateway')
    or exists (
        select from pg_catalog.pg_roles
        where rolname = :'role' and (rolsuper or rolreplication or rolbypassrls)
    ) as is_taken
\gset
\if :is_taken
    do $$ begin raise exception 'the gateway needs a role of its own, without rights'; end $$;
\endif

select format('create role %I', :'role')
where not exists (select from pg_catalog.pg_roles where rolname = :'role') \gexec

select format('alter role %I login inherit nocreatedb nocreaterole', :'role')
where exists (
    select from pg_catalog.pg_roles
    where rolname = :'role' and (not rolcanlogin or not rolinherit or rolcreatedb or rolcreaterole)
) \gexec

select format('grant leadgen_gateway to %I', :'role') \gexec
select format('grant connect on database %I to leadgen_gateway', current_database()) \gexec

-- last, so that no other failure writes it to the server's log
select :'file' <> '' as has_password \gset
\if :has_password
    \set password `head -n 1 "$LEADGEN_PASSWORD_FILE"`
    select format('alter role %I password %L', :'role', :'password') \gexec
\else
    select format('alter role %I password null', :'role') \gexec
\endif

commit;
