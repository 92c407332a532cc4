"""A Celery application that was never told of the gateway: it has tasks of the
same names, and notes what it does as files, one for each id and side effect.

REDIS_URL  broker and result backend
EFFECTS    folder of the files
"""

import os
import pathlib
import time

import celery

EFFECTS = pathlib.Path(os.environ["EFFECTS"])

app = celery.Celery("stock", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.task_acks_late = True
app.conf.task_reject_on_worker_lost = True
app.conf.broker_transport_options = {"visibility_timeout": int(os.environ.get("VISIBILITY", "3600"))}


def note(task, what="ran"):
    """A file that grows by a byte each time."""
    with open(EFFECTS / f"{task.request.id}.{what}", "ab") as file:
        file.write(b".")


def task(name):
    return app.task(bind=True, name=f"app.tasks.{name}")


@task("email_tasks.send_campaign_email")
def send_campaign_email(self, campaign_id, lead_id):
    note(self)
    return {"campaign": campaign_id, "lead": lead_id}


@task("email_tasks.track_email_opens")
def track_email_opens(self, hits):
    note(self)
    with open(EFFECTS / "hits", "a") as file:
        file.write("".join(f"{hit['id']} {hit['kind']} {hit['message']}\n" for hit in hits))
    return len(hits)


@task("campaign_tasks.generate_campaign_analytics")
def generate_campaign_analytics(self, campaign_id):
    raise ValueError(f"there is no campaign {campaign_id}")


@task("campaign_tasks.optimize_send_times")
def optimize_send_times(self, campaign_id=None):
    """Runs for so many seconds."""
    note(self, "begun")
    time.sleep(campaign_id or 0)
    note(self)


@task("analytics_tasks.calculate_daily_metrics")
def calculate_daily_metrics(self, date=None, days=1):
    """Fails once."""
    note(self)
    if self.request.retries == 0:
        raise self.retry(exc=OSError("not yet"), countdown=0)
    return self.request.retries
