-- Generated from include/tables by `make generate`: do not edit.

create or replace function private.actions()
returns table(name text, scope text, resource_type text, description text)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
values
    ('access_granted', 'access', '', 'A request was let through'),
    ('access_denied', 'access', '', 'A request was refused'),
    ('login', 'business', 'user', 'Somebody logged in, or tried to'),
    ('logout', 'business', 'user', 'Somebody logged out'),
    ('password_reset', 'business', 'user', 'A password was reset'),
    ('token_refresh', 'business', 'user', 'A session was prolonged'),
    ('campaign_created', 'business', 'campaign', 'A campaign was created'),
    ('campaign_updated', 'business', 'campaign', 'A campaign was changed'),
    ('campaign_deleted', 'business', 'campaign', 'A campaign was deleted'),
    ('campaign_published', 'business', 'campaign', 'A campaign was published'),
    ('lead_created', 'business', 'lead', 'A lead was created'),
    ('lead_updated', 'business', 'lead', 'A lead was changed'),
    ('lead_deleted', 'business', 'lead', 'A lead was deleted'),
    ('lead_exported', 'business', 'lead', 'Leads were downloaded in bulk'),
    ('user_created', 'business', 'user', 'A user was created'),
    ('user_updated', 'business', 'user', 'A user was changed'),
    ('user_deleted', 'business', 'user', 'A user was deleted'),
    ('role_changed', 'business', 'user', 'A user was given another role'),
    ('settings_updated', 'business', 'settings', 'Settings were changed'),
    ('integration_added', 'business', 'integration', 'An integration was added'),
    ('integration_removed', 'business', 'integration', 'An integration was removed'),
    ('system_backup', 'business', 'system', 'A backup was made'),
    ('system_restore', 'business', 'system', 'A backup was restored'),
    ('maintenance_mode', 'business', 'system', 'Maintenance mode was switched');
$$;

create or replace function private.permissions()
returns table(name text, category text, description text)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
values
    ('campaign:create', 'campaign', 'Create campaigns'),
    ('campaign:read', 'campaign', 'See campaigns'),
    ('campaign:update', 'campaign', 'Change campaigns'),
    ('campaign:delete', 'campaign', 'Delete campaigns'),
    ('campaign:publish', 'campaign', 'Publish campaigns, which sends their mail'),
    ('lead:create', 'lead', 'Create leads'),
    ('lead:read', 'lead', 'See leads'),
    ('lead:update', 'lead', 'Change leads'),
    ('lead:delete', 'lead', 'Delete leads'),
    ('lead:export', 'lead', 'Download leads in bulk'),
    ('analytics:read', 'analytics', 'See reports and figures'),
    ('analytics:export', 'analytics', 'Download reports and figures'),
    ('team:create', 'team', 'Create teams'),
    ('team:read', 'team', 'See teams'),
    ('team:update', 'team', 'Change teams'),
    ('team:delete', 'team', 'Delete teams'),
    ('team:manage_members', 'team', 'Add members to teams and remove them'),
    ('user:create', 'user', 'Create users'),
    ('user:read', 'user', 'See users'),
    ('user:update', 'user', 'Change users'),
    ('user:delete', 'user', 'Delete users'),
    ('user:manage_roles', 'user', 'Give roles to users and take them away'),
    ('system:settings', 'system', 'Change settings'),
    ('system:audit', 'system', 'Read the audit log'),
    ('system:health', 'system', 'See the health of the system'),
    ('system:jobs', 'system', 'Watch and manage background jobs');
$$;
