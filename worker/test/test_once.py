"""Each task, given out again by the same id: it was killed before any of its
statements, it was done and the message came twice, or it was done and nobody
heard of it.  There is one effect."""

import email.utils
import pathlib
import shutil
import uuid

import pytest
from celery.exceptions import Ignore
from conftest import killed_anywhere, wait_until
from reports import reports
from test_figures import hit, sent
from test_plan import past

from app.core import settings
from app.core.celery_app import app
from app.core.errors import TryAgain
from app.core.task_table import TASKS
from app.mail import bulk, message

KEPT = """select format('%%I.%%I', schemaname, tablename)::regclass::text from pg_tables
where schemaname = 'mail' or (schemaname, tablename) in (('public', 'jobs'), ('public', 'mails')) order by 1"""

# what differs from one attempt to the next, and is no effect: how sure the
# worker is that a mail is out, how many attempts that took, links with times
PASSING = ["attempts", "error", "subject", "body", "url", "bytes", "result", "progress", "retries", "worker", "status"]


# --- what there is for each task to do, and its arguments

def three_leads(database):
    campaign = database.campaign()
    return campaign, [database.lead(campaign, f"{name}@lead.example") for name in ("ann", "bob", "eve")]


def one_mail(database):
    campaign, leads = three_leads(database)
    return {"campaign_id": campaign, "lead_id": leads[0]}


def one_campaign(database):
    return {"campaign_id": three_leads(database)[0]}


def a_reminder(database):
    kwargs = one_mail(database)
    message.send(**kwargs)
    database.rows("update mail.messages set sent_at = sent_at - interval '4 days'")
    return kwargs


def bounces(database):
    box = pathlib.Path(settings.BOUNCE_MAILBOX.partition(":")[2])
    for folder in ("tmp", "new", "cur"):
        (box / folder).mkdir(parents=True)
    for number, (_, raw, _, known, to) in zip(range(4), reports()):
        database.rows("insert into mail.messages (id, campaign_id, lead_id, kind, recipient, status, sent_at) values"
                      " (coalesce(%s, gen_random_uuid()), 1, %s, 'campaign', %s, 'sent', now())", known, number, to)
        (box / "new" / f"{number}.one").write_bytes(raw)
    return {}


def three_hits(database):
    known = sent(database, database.campaign())
    return {"hits": [hit(known), hit(known, "click", url="https://a.example/"), hit(known, "unsubscribe")]}


def some_figures(database):
    campaign = database.campaign()
    known = sent(database, campaign)
    database.rows("insert into mail.email_events (id, message_id, kind, at) values (%s, %s, 'open', '2026-11-02T12:00Z')",
                  uuid.uuid4(), known)
    return campaign


def analytics(database):
    return {"campaign_id": some_figures(database)}


def send_times(database):
    past(database, database.campaign(), 1000)
    return {}


def a_day(database):
    some_figures(database)
    return {"date": "2026-11-02"}


def a_report(database):
    some_figures(database)
    return {"user_id": database.create_user(), "from": "2026-11-01", "to": "2026-11-05"}


def an_export(database):
    some_figures(database)
    return {"dataset": "messages"}


def what_is_old(database):
    known = sent(database, database.campaign())
    for days in (5, 40, 41):
        database.rows("insert into mail.email_events (id, message_id, kind, at) values"
                      " (%s, %s, 'open', now() - make_interval(days => %s))", uuid.uuid4(), known, days)
    return {"older_than_days": 30}


WORK = {
    "send_campaign_email": one_mail, "send_bulk_campaign_emails": one_campaign, "send_followup_email": a_reminder,
    "process_email_bounces": bounces, "track_email_opens": three_hits, "generate_campaign_analytics": analytics,
    "optimize_send_times": send_times, "schedule_campaign_emails": one_campaign, "calculate_daily_metrics": a_day,
    "generate_user_report": a_report, "export_analytics_data": an_export, "cleanup_old_analytics": what_is_old}


class World:
    """All that a task can change: tables, files, mails; it can be turned back."""

    def __init__(self, database, sink, folder):
        self.database, self.sink, self.folder = database, sink, folder
        self.tables = [name for name, in database.rows(KEPT)]
        self.kept = folder.with_name("kept")
        sink.mails.clear()
        shutil.copytree(folder, self.kept)
        database.rows("create schema kept; " + "; ".join(
            f"create table kept.t{number} as table {name}" for number, name in enumerate(self.tables)))

    def turn_back(self):
        self.sink.mails.clear()
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder)
        self.database.rows("set session_replication_role = replica; truncate " + ", ".join(self.tables) + "; " + "; ".join(
            f"insert into {name} overriding system value table kept.t{number}" for number, name in enumerate(self.tables))
            + "; reset session_replication_role")

    def effect(self):
        """Without ids and times, which are new at each attempt."""
        rows = {name: self.database.rows(
            f"select (select jsonb_object_agg(key, value) from jsonb_each(to_jsonb(t) - %s::text[])"
            f" where value::text !~ '^\"([0-9a-f]{{8}}-|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T)')::text"
            f" from {name} t order by 1", PASSING) for name in self.tables}
        files = sorted(path.relative_to(self.folder).parts[:-1] + (path.name.partition(":")[0], bool(path.stat().st_size))
                       for path in self.folder.rglob("*") if path.is_file())
        mails = sorted(email.utils.parseaddr(str(mail["To"]))[1] for mail in self.sink.mails)
        return rows, files, mails


@pytest.mark.parametrize("name", TASKS)
def test_one_effect(database, sink, tmp_path, monkeypatch, name):
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.setattr(settings, "EXPORT_DIRECTORY", str(folder))
    monkeypatch.setattr(settings, "EXPORT_KEY", "key")
    monkeypatch.setattr(settings, "BOUNCE_MAILBOX", f"maildir:{folder / 'box'}")
    monkeypatch.setattr(bulk, "CHUNK", 2)

    kwargs = WORK[name](database)
    job = database.job(name, **kwargs)
    world = World(database, sink, folder)
    before = world.effect()
    app.loader.import_default_modules()
    task = app.tasks[TASKS[name]["name"]]

    def attempt():
        task.push_request(id=str(job), hostname="one@test", retries=0)
        try:
            task(**kwargs)
        except Ignore:
            pass
        except TryAgain:
            # PostgreSQL has not seen yet that who held a lock is dead
            return False
        finally:
            task.pop_request()
        return True

    def work():
        wait_until(attempt, 30, "attempt that may")

    killed_anywhere(work, world.effect, world.turn_back)
    once = world.effect()
    assert once != before, "it has no effect"
    assert database.state(job)[0] == "succeeded"

    # the message came twice; or nobody heard that it was done
    work()
    assert world.effect() == once
    database.rows("update public.jobs set status = 'started', worker = 'one@test' where id = %s", job)
    work()
    assert world.effect() == once and database.state(job)[0] == "succeeded"
