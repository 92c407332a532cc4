-- Generated from include/tables by `make generate`: do not edit.

create or replace function private.actions()
returns table(name text, scope text, resource_type text, description text)
language plpgsql immutable parallel safe rows 30
set search_path = pg_catalog, pg_temp
as $$
begin
    -- in PL/pgSQL, which keeps the plan of it
    return query values
        ('access_granted', 'access', '', 'A request was let through'),
        ('access_denied', 'access', '', 'A request was refused'),
        ('access_ended', 'access', 'websocket', 'A WebSocket ended'),
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
        ('maintenance_mode', 'business', 'system', 'Maintenance mode was switched'),
        ('job_enqueued', 'jobs', 'job', 'A background job was asked for'),
        ('job_retried', 'jobs', 'job', 'A background job was asked for again'),
        ('job_revoked', 'jobs', 'job', 'A background job was revoked'),
        ('email_opened', 'tracking', 'message', 'A tracked mail was opened'),
        ('email_clicked', 'tracking', 'message', 'A link of a tracked mail was followed'),
        ('email_unsubscribed', 'tracking', 'message', 'Who got a mail wants no more');
end
$$;

create or replace function private.permissions()
returns table(name text, category text, description text)
language plpgsql immutable parallel safe rows 30
set search_path = pg_catalog, pg_temp
as $$
begin
    -- in PL/pgSQL, which keeps the plan of it
    return query values
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
end
$$;

create or replace function private.tasks()
returns table(name text, full_name text, queue text, description text)
language plpgsql immutable parallel safe rows 30
set search_path = pg_catalog, pg_temp
as $$
begin
    -- in PL/pgSQL, which keeps the plan of it
    return query values
        ('send_campaign_email', 'app.tasks.email_tasks.send_campaign_email', 'emails', 'Sends a campaign''s mail to one lead'),
        ('send_bulk_campaign_emails', 'app.tasks.email_tasks.send_bulk_campaign_emails', 'emails', 'Sends a campaign''s mail to its leads, or to some of them'),
        ('send_followup_email', 'app.tasks.email_tasks.send_followup_email', 'emails', 'Sends a reminder to a lead that did not react'),
        ('process_email_bounces', 'app.tasks.email_tasks.process_email_bounces', 'emails', 'Reads what mail servers sent back, and marks its leads'),
        ('track_email_opens', 'app.tasks.email_tasks.track_email_opens', 'emails', 'Counts mails that were opened and links that were followed, and heeds who unsubscribes'),
        ('generate_campaign_analytics', 'app.tasks.campaign_tasks.generate_campaign_analytics', 'campaigns', 'Works out the figures of a campaign'),
        ('optimize_send_times', 'app.tasks.campaign_tasks.optimize_send_times', 'campaigns', 'Learns when the leads of a campaign, or of all, read their mail'),
        ('schedule_campaign_emails', 'app.tasks.campaign_tasks.schedule_campaign_emails', 'campaigns', 'Plans the mails of a campaign'),
        ('calculate_daily_metrics', 'app.tasks.analytics_tasks.calculate_daily_metrics', 'analytics', 'Works out the figures of a day, or of several up to it'),
        ('generate_user_report', 'app.tasks.analytics_tasks.generate_user_report', 'analytics', 'Writes a report on what a user did'),
        ('export_analytics_data', 'app.tasks.analytics_tasks.export_analytics_data', 'analytics', 'Writes figures to a file'),
        ('cleanup_old_analytics', 'app.tasks.analytics_tasks.cleanup_old_analytics', 'analytics', 'Removes figures that are too old to matter');
end
$$;

create or replace function private.task_arguments()
returns table(
    task text, parent text, name text, type text, required boolean,
    minimum bigint, maximum bigint, choices text[]
)
language plpgsql immutable parallel safe rows 30
set search_path = pg_catalog, pg_temp
as $$
begin
    -- in PL/pgSQL, which keeps the plan of it
    return query values
        ('send_campaign_email', '', 'campaign_id', 'integer', true, 1::bigint, 9007199254740991::bigint, array[]::text[]),
        ('send_campaign_email', '', 'lead_id', 'integer', true, 1::bigint, 9007199254740991::bigint, array[]::text[]),
        ('send_bulk_campaign_emails', '', 'campaign_id', 'integer', true, 1::bigint, 9007199254740991::bigint, array[]::text[]),
        ('send_bulk_campaign_emails', '', 'lead_ids', 'integers', false, 1::bigint, 9007199254740991::bigint, array[]::text[]),
        ('send_followup_email', '', 'campaign_id', 'integer', true, 1::bigint, 9007199254740991::bigint, array[]::text[]),
        ('send_followup_email', '', 'lead_id', 'integer', true, 1::bigint, 9007199254740991::bigint, array[]::text[]),
        ('send_followup_email', '', 'after_days', 'integer', false, 0::bigint, 90::bigint, array[]::text[]),
        ('process_email_bounces', '', 'limit', 'integer', false, 1::bigint, 10000::bigint, array[]::text[]),
        ('track_email_opens', '', 'hits', 'objects', true, 0::bigint, 500::bigint, array[]::text[]),
        ('generate_campaign_analytics', '', 'campaign_id', 'integer', true, 1::bigint, 9007199254740991::bigint, array[]::text[]),
        ('optimize_send_times', '', 'campaign_id', 'integer', false, 1::bigint, 9007199254740991::bigint, array[]::text[]),
        ('schedule_campaign_emails', '', 'campaign_id', 'integer', true, 1::bigint, 9007199254740991::bigint, array[]::text[]),
        ('calculate_daily_metrics', '', 'date', 'date', false, 0::bigint, 0::bigint, array[]::text[]),
        ('calculate_daily_metrics', '', 'days', 'integer', false, 1::bigint, 366::bigint, array[]::text[]),
        ('generate_user_report', '', 'user_id', 'integer', true, 1::bigint, 9007199254740991::bigint, array[]::text[]),
        ('generate_user_report', '', 'from', 'date', false, 0::bigint, 0::bigint, array[]::text[]),
        ('generate_user_report', '', 'to', 'date', false, 0::bigint, 0::bigint, array[]::text[]),
        ('generate_user_report', '', 'format', 'choice', false, 0::bigint, 0::bigint, array['html', 'pdf']::text[]),
        ('export_analytics_data', '', 'dataset', 'text', false, 0::bigint, 63::bigint, array[]::text[]),
        ('export_analytics_data', '', 'format', 'choice', false, 0::bigint, 0::bigint, array['csv', 'jsonl', 'parquet']::text[]),
        ('export_analytics_data', '', 'from', 'date', false, 0::bigint, 0::bigint, array[]::text[]),
        ('export_analytics_data', '', 'to', 'date', false, 0::bigint, 0::bigint, array[]::text[]),
        ('cleanup_old_analytics', '', 'older_than_days', 'integer', false, 1::bigint, 3650::bigint, array[]::text[]),
        ('track_email_opens', 'hits', 'id', 'uuid', true, 0::bigint, 0::bigint, array[]::text[]),
        ('track_email_opens', 'hits', 'kind', 'choice', true, 0::bigint, 0::bigint, array['open', 'click', 'unsubscribe']::text[]),
        ('track_email_opens', 'hits', 'message', 'uuid', true, 0::bigint, 0::bigint, array[]::text[]),
        ('track_email_opens', 'hits', 'at', 'time', true, 0::bigint, 0::bigint, array[]::text[]),
        ('track_email_opens', 'hits', 'ip_address', 'address', false, 0::bigint, 0::bigint, array[]::text[]),
        ('track_email_opens', 'hits', 'user_agent', 'text', false, 0::bigint, 1024::bigint, array[]::text[]),
        ('track_email_opens', 'hits', 'url', 'text', false, 0::bigint, 2048::bigint, array[]::text[]);
end
$$;
