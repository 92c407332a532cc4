"""When what runs by itself, in UTC: the one table that beat goes by."""

import dataclasses
import datetime

from . import settings


@dataclasses.dataclass(frozen=True)
class Every:
    """At whole multiples of so many seconds since 1970."""
    seconds: int

    def told(self):
        return {"every_seconds": self.seconds}

    def slot(self, now):
        """The last such moment."""
        stamp = int(now.timestamp()) // self.seconds * self.seconds
        return datetime.datetime.fromtimestamp(stamp, datetime.timezone.utc)

    def after(self, slot):
        return slot + datetime.timedelta(seconds=self.seconds)


@dataclasses.dataclass(frozen=True)
class Daily:
    """Each day at that time."""
    hour: int
    minute: int

    def told(self):
        return {"daily_at": f"{self.hour:02}:{self.minute:02}"}

    def slot(self, now):
        today = now.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
        return today if today <= now else today - datetime.timedelta(days=1)

    def after(self, slot):
        return slot + datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A task with its arguments, or a function of the database's schema job."""
    name: str
    when: object
    task: str = ""
    kwargs: dict = dataclasses.field(default_factory=dict)
    function: str = ""


SCHEDULE = [
    Entry("bounces", Every(300), task="process_email_bounces"),
    Entry("audit partitions", Daily(0, 5), function="maintain_audit_partitions"),
    # yesterday, and the day before, of which reactions came in since
    Entry("daily metrics", Daily(0, 10), task="calculate_daily_metrics", kwargs={"days": 2}),
    Entry("clean-up", Daily(2, 30), task="cleanup_old_analytics"),
    Entry("send times", Daily(3, 20), task="optimize_send_times"),
]


def entries():
    """The table, without what there is nothing for; for tests a compressed one."""
    known = [entry for entry in SCHEDULE
             if entry.task != "process_email_bounces" or settings.BOUNCE_MAILBOX]
    if not settings.BEAT_EVERY:
        return known
    return [dataclasses.replace(entry, when=Every(settings.BEAT_EVERY)) for entry in known]
