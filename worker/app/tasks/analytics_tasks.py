"""Queue analytics.  An argument called from can't be a parameter of its own."""

from ..core.celery_app import app
from ..core.task import Task
from ..figures import cleanup, daily, export, report


@app.task(bind=True, base=Task)
def calculate_daily_metrics(self, date=None, days=1):
    return daily.calculate(date, days)


@app.task(bind=True, base=Task)
def generate_user_report(self, user_id, format="html", to=None, **other):
    return report.generate(self.request, user_id, format, other.get("from"), to)


@app.task(bind=True, base=Task)
def export_analytics_data(self, dataset="daily_metrics", format="csv", to=None, **other):
    return export.export(self.request, dataset, format, other.get("from"), to)


@app.task(bind=True, base=Task)
def cleanup_old_analytics(self, older_than_days=None):
    return cleanup.clean(older_than_days)
