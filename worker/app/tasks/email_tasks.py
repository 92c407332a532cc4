"""Queue emails."""

from ..core.celery_app import app
from ..core.task import Task
from ..mail import bounces, bulk, followup, hits as tracking, message


@app.task(bind=True, base=Task)
def send_campaign_email(self, campaign_id, lead_id):
    return message.send(campaign_id, lead_id)


@app.task(bind=True, base=Task)
def send_bulk_campaign_emails(self, campaign_id, lead_ids=None):
    return bulk.send(self.request, campaign_id, lead_ids)


@app.task(bind=True, base=Task)
def send_followup_email(self, campaign_id, lead_id, after_days=followup.AFTER_DAYS):
    return followup.send(self.request, campaign_id, lead_id, after_days)


@app.task(bind=True, base=Task)
def process_email_bounces(self, limit=1000):
    return bounces.process(limit)


@app.task(bind=True, base=Task)
def track_email_opens(self, hits):
    return tracking.store(hits)
