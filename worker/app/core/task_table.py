"""The tasks, as the gateway knows them.

Generated from include/tables/tasks.def by `make generate`: do not edit.
"""

# short name: Celery's name, queue, and the schema of the arguments
TASKS = {
    "send_campaign_email": {
        "name": "app.tasks.email_tasks.send_campaign_email",
        "queue": "emails",
        "kwargs": {
            "campaign_id": {
                "type": "integer",
                "required": True,
                "minimum": 1,
                "maximum": 9007199254740991,
            },
            "lead_id": {
                "type": "integer",
                "required": True,
                "minimum": 1,
                "maximum": 9007199254740991,
            },
        },
    },
    "send_bulk_campaign_emails": {
        "name": "app.tasks.email_tasks.send_bulk_campaign_emails",
        "queue": "emails",
        "kwargs": {
            "campaign_id": {
                "type": "integer",
                "required": True,
                "minimum": 1,
                "maximum": 9007199254740991,
            },
            "lead_ids": {
                "type": "integers",
                "required": False,
                "minimum": 1,
                "maximum": 9007199254740991,
            },
        },
    },
    "send_followup_email": {
        "name": "app.tasks.email_tasks.send_followup_email",
        "queue": "emails",
        "kwargs": {
            "campaign_id": {
                "type": "integer",
                "required": True,
                "minimum": 1,
                "maximum": 9007199254740991,
            },
            "lead_id": {
                "type": "integer",
                "required": True,
                "minimum": 1,
                "maximum": 9007199254740991,
            },
            "after_days": {
                "type": "integer",
                "required": False,
                "minimum": 0,
                "maximum": 90,
            },
        },
    },
    "process_email_bounces": {
        "name": "app.tasks.email_tasks.process_email_bounces",
        "queue": "emails",
        "kwargs": {
            "limit": {
                "type": "integer",
                "required": False,
                "minimum": 1,
                "maximum": 10000,
            },
        },
    },
    "track_email_opens": {
        "name": "app.tasks.email_tasks.track_email_opens",
        "queue": "emails",
        "kwargs": {
            "hits": {
                "type": "objects",
                "required": True,
                "maximum": 500,
            },
        },
    },
    "generate_campaign_analytics": {
        "name": "app.tasks.campaign_tasks.generate_campaign_analytics",
        "queue": "campaigns",
        "kwargs": {
            "campaign_id": {
                "type": "integer",
                "required": True,
                "minimum": 1,
                "maximum": 9007199254740991,
            },
        },
    },
    "optimize_send_times": {
        "name": "app.tasks.campaign_tasks.optimize_send_times",
        "queue": "campaigns",
        "kwargs": {
            "campaign_id": {
                "type": "integer",
                "required": False,
                "minimum": 1,
                "maximum": 9007199254740991,
            },
        },
    },
    "schedule_campaign_emails": {
        "name": "app.tasks.campaign_tasks.schedule_campaign_emails",
        "queue": "campaigns",
        "kwargs": {
            "campaign_id": {
                "type": "integer",
                "required": True,
                "minimum": 1,
                "maximum": 9007199254740991,
            },
        },
    },
    "calculate_daily_metrics": {
        "name": "app.tasks.analytics_tasks.calculate_daily_metrics",
        "queue": "analytics",
        "kwargs": {
            "date": {
                "type": "date",
                "required": False,
            },
            "days": {
                "type": "integer",
                "required": False,
                "minimum": 1,
                "maximum": 366,
            },
        },
    },
    "generate_user_report": {
        "name": "app.tasks.analytics_tasks.generate_user_report",
        "queue": "analytics",
        "kwargs": {
            "user_id": {
                "type": "integer",
                "required": True,
                "minimum": 1,
                "maximum": 9007199254740991,
            },
            "from": {
                "type": "date",
                "required": False,
            },
            "to": {
                "type": "date",
                "required": False,
            },
            "format": {
                "type": "choice",
                "required": False,
                "choices": ["html", "pdf"],
            },
        },
    },
    "export_analytics_data": {
        "name": "app.tasks.analytics_tasks.export_analytics_data",
        "queue": "analytics",
        "kwargs": {
            "dataset": {
                "type": "text",
                "required": False,
                "maximum": 63,
            },
            "format": {
                "type": "choice",
                "required": False,
                "choices": ["csv", "jsonl", "parquet"],
            },
            "from": {
                "type": "date",
                "required": False,
            },
            "to": {
                "type": "date",
                "required": False,
            },
        },
    },
    "cleanup_old_analytics": {
        "name": "app.tasks.analytics_tasks.cleanup_old_analytics",
        "queue": "analytics",
        "kwargs": {
            "older_than_days": {
                "type": "integer",
                "required": False,
                "minimum": 1,
                "maximum": 3650,
            },
        },
    },
}
