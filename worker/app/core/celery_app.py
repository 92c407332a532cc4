"""The Celery application: settings go in, an app with all tasks comes out.

    celery -A app.core.celery_app worker -l info -Q emails,campaigns,analytics
    celery -A app.core.celery_app beat -l info
"""

import celery
from kombu import Queue

from . import jobs, logs, sentry, settings       # noqa: signals connect
from .task_table import TASKS

QUEUES = sorted({task["queue"] for task in TASKS.values()})

app = celery.Celery(
    "app", broker=settings.REDIS_URL, backend=settings.REDIS_URL,
    include=["app.tasks.email_tasks", "app.tasks.campaign_tasks",
             "app.tasks.analytics_tasks"])

app.conf.update(
    # nothing but JSON is read or written: a pickle would be somebody's code
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    enable_utc=True,
    timezone="UTC",

    task_queues=[Queue(name) for name in QUEUES],
    task_routes={task["name"]: {"queue": task["queue"]} for task in TASKS.values()},
    task_default_queue="emails",
    task_create_missing_queues=False,

    # a message is gone when its task has ended, not when it begins
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_transport_options={"visibility_timeout": settings.VISIBILITY_TIMEOUT},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,

    task_track_started=True,
    task_send_sent_event=False,
    worker_send_task_events=False,
    result_expires=3600,

    beat_scheduler="app.core.beat:Scheduler",

    task_time_limit=settings.TASK_TIME_LIMIT,
    task_soft_time_limit=max(1, settings.TASK_TIME_LIMIT - 30),
    worker_max_tasks_per_child=1000,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)

sentry.start()
