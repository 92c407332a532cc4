"""Queue analytics."""

from ..core.celery_app import app
from ..core.task import Task
from ..figures import daily


@app.task(bind=True, base=Task)
def calculate_daily_metrics(self, date=None, days=1):
    return daily.calculate(date, days)
