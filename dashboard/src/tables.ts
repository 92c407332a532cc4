// Generated from include/tables by `make generate`: do not edit.

export const permissions = [
  {"name": "campaign:create", "category": "campaign", "description": "Create campaigns"},
  {"name": "campaign:read", "category": "campaign", "description": "See campaigns"},
  {"name": "campaign:update", "category": "campaign", "description": "Change campaigns"},
  {"name": "campaign:delete", "category": "campaign", "description": "Delete campaigns"},
  {"name": "campaign:publish", "category": "campaign", "description": "Publish campaigns, which sends their mail"},
  {"name": "lead:create", "category": "lead", "description": "Create leads"},
  {"name": "lead:read", "category": "lead", "description": "See leads"},
  {"name": "lead:update", "category": "lead", "description": "Change leads"},
  {"name": "lead:delete", "category": "lead", "description": "Delete leads"},
  {"name": "lead:export", "category": "lead", "description": "Download leads in bulk"},
  {"name": "analytics:read", "category": "analytics", "description": "See reports and figures"},
  {"name": "analytics:export", "category": "analytics", "description": "Download reports and figures"},
  {"name": "team:create", "category": "team", "description": "Create teams"},
  {"name": "team:read", "category": "team", "description": "See teams"},
  {"name": "team:update", "category": "team", "description": "Change teams"},
  {"name": "team:delete", "category": "team", "description": "Delete teams"},
  {"name": "team:manage_members", "category": "team", "description": "Add members to teams and remove them"},
  {"name": "user:create", "category": "user", "description": "Create users"},
  {"name": "user:read", "category": "user", "description": "See users"},
  {"name": "user:update", "category": "user", "description": "Change users"},
  {"name": "user:delete", "category": "user", "description": "Delete users"},
  {"name": "user:manage_roles", "category": "user", "description": "Give roles to users and take them away"},
  {"name": "system:settings", "category": "system", "description": "Change settings"},
  {"name": "system:audit", "category": "system", "description": "Read the audit log"},
  {"name": "system:health", "category": "system", "description": "See the health of the system"},
  {"name": "system:jobs", "category": "system", "description": "Watch and manage background jobs"},
] as const;

export type Permission = (typeof permissions)[number]["name"];

export const actions = [
  {"name": "access_granted", "resource_type": "", "description": "A request was let through"},
  {"name": "access_denied", "resource_type": "", "description": "A request was refused"},
  {"name": "access_ended", "resource_type": "websocket", "description": "A WebSocket ended"},
  {"name": "login", "resource_type": "user", "description": "Somebody logged in, or tried to"},
  {"name": "logout", "resource_type": "user", "description": "Somebody logged out"},
  {"name": "password_reset", "resource_type": "user", "description": "A password was reset"},
  {"name": "token_refresh", "resource_type": "user", "description": "A session was prolonged"},
  {"name": "campaign_created", "resource_type": "campaign", "description": "A campaign was created"},
  {"name": "campaign_updated", "resource_type": "campaign", "description": "A campaign was changed"},
  {"name": "campaign_deleted", "resource_type": "campaign", "description": "A campaign was deleted"},
  {"name": "campaign_published", "resource_type": "campaign", "description": "A campaign was published"},
  {"name": "lead_created", "resource_type": "lead", "description": "A lead was created"},
  {"name": "lead_updated", "resource_type": "lead", "description": "A lead was changed"},
  {"name": "lead_deleted", "resource_type": "lead", "description": "A lead was deleted"},
  {"name": "lead_exported", "resource_type": "lead", "description": "Leads were downloaded in bulk"},
  {"name": "user_created", "resource_type": "user", "description": "A user was created"},
  {"name": "user_updated", "resource_type": "user", "description": "A user was changed"},
  {"name": "user_deleted", "resource_type": "user", "description": "A user was deleted"},
  {"name": "role_changed", "resource_type": "user", "description": "A user was given another role"},
  {"name": "settings_updated", "resource_type": "settings", "description": "Settings were changed"},
  {"name": "integration_added", "resource_type": "integration", "description": "An integration was added"},
  {"name": "integration_removed", "resource_type": "integration", "description": "An integration was removed"},
  {"name": "system_backup", "resource_type": "system", "description": "A backup was made"},
  {"name": "system_restore", "resource_type": "system", "description": "A backup was restored"},
  {"name": "maintenance_mode", "resource_type": "system", "description": "Maintenance mode was switched"},
  {"name": "job_enqueued", "resource_type": "job", "description": "A background job was asked for"},
  {"name": "job_retried", "resource_type": "job", "description": "A background job was asked for again"},
  {"name": "job_revoked", "resource_type": "job", "description": "A background job was revoked"},
  {"name": "email_opened", "resource_type": "message", "description": "A tracked mail was opened"},
  {"name": "email_clicked", "resource_type": "message", "description": "A link of a tracked mail was followed"},
  {"name": "email_unsubscribed", "resource_type": "message", "description": "Who got a mail wants no more"},
] as const;

export type Action = (typeof actions)[number]["name"];

export const tasks = [
  {"name": "send_campaign_email", "queue": "emails", "description": "Sends a campaign's mail to one lead", "kwargs": [{"name": "campaign_id", "type": "INTEGER", "required": true, "choices": []}, {"name": "lead_id", "type": "INTEGER", "required": true, "choices": []}]},
  {"name": "send_bulk_campaign_emails", "queue": "emails", "description": "Sends a campaign's mail to its leads, or to some of them", "kwargs": [{"name": "campaign_id", "type": "INTEGER", "required": true, "choices": []}, {"name": "lead_ids", "type": "INTEGERS", "required": false, "choices": []}]},
  {"name": "send_followup_email", "queue": "emails", "description": "Sends a reminder to a lead that did not react", "kwargs": [{"name": "campaign_id", "type": "INTEGER", "required": true, "choices": []}, {"name": "lead_id", "type": "INTEGER", "required": true, "choices": []}, {"name": "after_days", "type": "INTEGER", "required": false, "choices": []}]},
  {"name": "process_email_bounces", "queue": "emails", "description": "Reads what mail servers sent back, and marks its leads", "kwargs": [{"name": "limit", "type": "INTEGER", "required": false, "choices": []}]},
  {"name": "track_email_opens", "queue": "emails", "description": "Counts mails that were opened and links that were followed, and heeds who unsubscribes", "kwargs": [{"name": "hits", "type": "OBJECTS", "required": true, "choices": []}]},
  {"name": "generate_campaign_analytics", "queue": "campaigns", "description": "Works out the figures of a campaign", "kwargs": [{"name": "campaign_id", "type": "INTEGER", "required": true, "choices": []}]},
  {"name": "optimize_send_times", "queue": "campaigns", "description": "Learns when the leads of a campaign, or of all, read their mail", "kwargs": [{"name": "campaign_id", "type": "INTEGER", "required": false, "choices": []}]},
  {"name": "schedule_campaign_emails", "queue": "campaigns", "description": "Plans the mails of a campaign", "kwargs": [{"name": "campaign_id", "type": "INTEGER", "required": true, "choices": []}]},
  {"name": "calculate_daily_metrics", "queue": "analytics", "description": "Works out the figures of a day, or of several up to it", "kwargs": [{"name": "date", "type": "DATE", "required": false, "choices": []}, {"name": "days", "type": "INTEGER", "required": false, "choices": []}]},
  {"name": "generate_user_report", "queue": "analytics", "description": "Writes a report on what a user did", "kwargs": [{"name": "user_id", "type": "INTEGER", "required": true, "choices": []}, {"name": "from", "type": "DATE", "required": false, "choices": []}, {"name": "to", "type": "DATE", "required": false, "choices": []}, {"name": "format", "type": "CHOICE", "required": false, "choices": ["html", "pdf"]}]},
  {"name": "export_analytics_data", "queue": "analytics", "description": "Writes figures to a file", "kwargs": [{"name": "dataset", "type": "TEXT", "required": false, "choices": []}, {"name": "format", "type": "CHOICE", "required": false, "choices": ["csv", "jsonl", "parquet"]}, {"name": "from", "type": "DATE", "required": false, "choices": []}, {"name": "to", "type": "DATE", "required": false, "choices": []}]},
  {"name": "cleanup_old_analytics", "queue": "analytics", "description": "Removes figures that are too old to matter", "kwargs": [{"name": "older_than_days", "type": "INTEGER", "required": false, "choices": []}]},
] as const;

export type Task = (typeof tasks)[number]["name"];

export const queues = [...new Set(tasks.map(({ queue }) => queue))];
