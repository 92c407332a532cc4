/*
 * Makes or changes the role that the gateway, or a Celery worker, logs in with.
 *
 * psql variables: role; group, leadgen_gateway or leadgen_worker, whose rights
 * it gets; program, for messages.  Environment: LEADGEN_PASSWORD_FILE, a file
 * whose first line is the password, or empty for a role without one.
 */

\set ON_ERROR_STOP on
\getenv file LEADGEN_PASSWORD_FILE

begin;

select
    :'role' in (current_user, session_user, 'leadgen_gateway', 'leadgen_worker')
    or exists (
        select from pg_catalog.pg_roles r
        where r.rolname = :'role' and (
            r.rolsuper or r.rolreplication or r.rolbypassrls
            or exists (
                select from pg_catalog.pg_auth_members m
                where m.member = r.oid and m.roleid <> :'group'::regrole
                    and m.roleid in ('leadgen_gateway'::regrole, 'leadgen_worker'::regrole)
            )
        )
    ) as is_taken
\gset
\if :is_taken
    \echo the :program needs a role of its own, without rights
    do $$ begin raise exception 'needs a role of its own, without rights'; end $$;
\endif

select format('create role %I', :'role')
where not exists (select from pg_catalog.pg_roles where rolname = :'role') \gexec

select format('alter role %I login inherit nocreatedb nocreaterole', :'role')
where exists (
    select from pg_catalog.pg_roles
    where rolname = :'role' and (not rolcanlogin or not rolinherit or rolcreatedb or rolcreaterole)
) \gexec

select format('grant %I to %I', :'group', :'role') \gexec
select format('grant connect on database %I to %I', current_database(), :'group') \gexec

-- last, so that no other failure writes it to the server's log
select :'file' <> '' as has_password \gset
\if :has_password
    \set password `head -n 1 "$LEADGEN_PASSWORD_FILE"`
    select format('alter role %I password %L', :'role', :'password') \gexec
\else
    select format('alter role %I password null', :'role') \gexec
\endif

commit;
