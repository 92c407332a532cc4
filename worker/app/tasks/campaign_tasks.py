"""Queue campaigns."""

from ..core.celery_app import app
from ..core.task import Task
from ..figures import campaign
from ..plan import habits, plan


@app.task(bind=True, base=Task)
def generate_campaign_analytics(self, campaign_id):
    return campaign.calculate(campaign_id)


@app.task(bind=True, base=Task)
def optimize_send_times(self, campaign_id=None):
    return habits.learn(campaign_id)


@app.task(bind=True, base=Task)
def schedule_campaign_emails(self, campaign_id):
    return plan.schedule(self.request, campaign_id)
