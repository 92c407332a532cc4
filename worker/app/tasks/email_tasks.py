"""Queue emails."""

from ..core.celery_app import app
from ..core.task import Task
from ..mail import message


@app.task(bind=True, base=Task)
def send_campaign_email(self, campaign_id, lead_id):
    return message.send(campaign_id, lead_id)
