"""Hits, figures of campaigns, reports, exports and the clean-up."""

import csv
import datetime
import hashlib
import json
import re
import types
import uuid

import pytest
from conftest import killed_anywhere

from app.core import settings
from app.core.errors import Failure
from app.figures import campaign as campaigns, cleanup, daily, export, files, report
from app.mail import hits

REQUEST = types.SimpleNamespace(id="018f0000-0000-7000-8000-000000000002", retries=0, hostname="x")
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
AT = "2026-11-02T12:00:00Z"


@pytest.fixture
def campaign(database):
    return database.campaign()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "EXPORT_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(settings, "EXPORT_KEY", "key")
    return tmp_path


def sent(database, campaign, recipient="a@lead.example", status="sent"):
    return database.value(
        "insert into mail.messages (campaign_id, lead_id, kind, recipient, subject, status, sent_at, created_at, changed_at)"
        " values (%s, (random() * 1e12)::bigint, 'campaign', %s, '=1+1', %s, %s, %s, %s) returning id", campaign, recipient,
        status, None if status == "rejected" else "2026-11-02T10:00Z", "2026-11-02T10:00Z", "2026-11-02T10:00Z")


def hit(message, kind="open", **more):
    return {"id": str(uuid.uuid4()), "kind": kind, "message": str(message), "at": AT, "ip_address": "192.0.2.1",
            "user_agent": FIREFOX, **more}


def events(database):
    return database.rows("select id, message_id, kind, at, is_machine, host(ip_address), user_agent, url"
                         " from mail.email_events order by id")


# --- track_email_opens

def test_hits(database, campaign):
    message = sent(database, campaign)
    batch = [hit(message), hit(message, "click", url="https://a.example/"), hit(uuid.uuid4())]
    assert hits.store(batch) == {"hits": 3, "stored": 2}
    assert hits.store(batch) == {"hits": 3, "stored": 0}
    assert len(events(database)) == 2
    assert (uuid.UUID(batch[1]["id"]), message, "click") == tuple(
        next(row for row in events(database) if row[2] == "click")[:3])


def test_who_unsubscribes_gets_no_more(database, campaign):
    """Whatever program posts it, and however soon."""
    message = sent(database, campaign, "Ann@Lead.example")
    batch = [hit(message, "unsubscribe", user_agent="", at="2026-11-02T10:00:01Z"), hit(uuid.uuid4(), "unsubscribe")]

    def state():
        return events(database), database.rows("select address, reason, message_id from mail.suppressions")

    killed_anywhere(lambda: hits.store(batch), state,
                    lambda: database.rows("delete from mail.email_events; delete from mail.suppressions"))
    ((_, _, kind, _, is_machine, *_),), suppressed = state()
    assert (kind, is_machine, suppressed) == ("unsubscribe", False, [("ann@lead.example", "unsubscribed", message)])
    assert campaigns.calculate(campaign)["unsubscribed"] == 1


@pytest.mark.parametrize("agent, at, is_machine", [
    (FIREFOX, AT, False), ("", AT, True), (None, AT, True), ("Mozilla/5.0", AT, True), ("Barracuda Sentinel", AT, True),
    ("curl/8.0", AT, True), ("Mozilla/5.0 (compatible; Googlebot/2.1)", AT, True),
    ("Mozilla/5.0 (via ggpht.com GoogleImageProxy)", AT, False), (FIREFOX, "2026-11-02T10:00:01Z", True)])
def test_machines(database, campaign, agent, at, is_machine):
    hits.store([hit(sent(database, campaign), user_agent=agent, at=at)])
    assert [row[4] for row in events(database)] == [is_machine]


@pytest.mark.parametrize("change", [
    {"kind": "look"}, {"id": "x"}, {"message": 5}, {"at": "yesterday"}, {"at": "2026-11-02T12:00:00"},
    {"ip_address": "here"}, {"user_agent": 5}])
def test_malformed_hits(database, campaign, change):
    good = hit(sent(database, campaign))
    with pytest.raises(Failure, match="malformed"):
        hits.store([good, {**good, **change}])
    assert events(database) == []


def test_hits_with_anything_in_them(database, campaign):
    message = sent(database, campaign)
    hits.store([hit(message, "click", user_agent="a\0b' or 1=1 --\u202e", url="https://x/\0" + "y" * 5000)])
    assert len(events(database)[0][7]) == 2048


# --- generate_campaign_analytics

def test_figures_of_a_campaign(database, campaign):
    database.lead(campaign)
    mails = [sent(database, campaign, f"{number}@{'b' if number < 3 else 'c'}.example") for number in range(10)]
    sent(database, campaign, status="rejected")
    hits.store([hit(mails[0]), hit(mails[0]), hit(mails[1], "click", url="https://a/"), hit(mails[2], user_agent="curl/8")])
    database.rows("insert into mail.email_events (id, message_id, kind, at) values (gen_random_uuid(), %s, 'bounce', now())",
                  mails[9])
    figures = campaigns.calculate(campaign)
    assert {name: figures[name] for name in ("sent", "delivered", "rejected", "bounced", "opened", "clicked",
                                             "machine_only", "leads", "median_seconds_to_open")} == {
        "sent": 10, "delivered": 9, "rejected": 1, "bounced": 1, "opened": 2, "clicked": 1, "machine_only": 1,
        "leads": 1, "median_seconds_to_open": 7200}
    assert figures["domains"] == [{"domain": "c.example", "sent": 7, "opened": 0}, {"domain": "b.example", "sent": 3, "opened": 2}]
    assert figures["links"] == [{"url": "https://a/", "clicked": 1}]
    # by hand, of 2 in 9
    assert figures["open_rate"] == {"rate": 0.2222, "low": 0.0632, "high": 0.5474}
    assert campaigns.calculate(campaign) == figures
    assert database.rows("select campaign_id, figures from mail.campaign_figures") == [(campaign, figures)]


def test_figures_of_nothing(database, campaign):
    assert campaigns.calculate(campaign)["open_rate"] is None
    with pytest.raises(Failure, match="no campaign 99"):
        campaigns.calculate(99)


# --- export_analytics_data

@pytest.mark.parametrize("dataset", sorted(export.DATASETS))
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_exports(database, campaign, folder, dataset, form, monkeypatch):
    monkeypatch.setattr(export, "BATCH", 2)
    for number in range(5):
        hits.store([hit(sent(database, campaign, f"{number}@lead.example"))])
    database.rows("insert into mail.suppressions (address, reason, created_at) values ('a@b', 'manual', '2026-11-02')")
    daily.calculate("2026-11-02")
    done = export.export(REQUEST, dataset, form, "2026-11-01", "2026-11-30")
    text = (folder / done["file"]).read_bytes().decode()
    rows = list(csv.DictReader(text.splitlines())) if form == "csv" else [json.loads(line) for line in text.splitlines()]
    assert len(rows) == done["lines"] == {"messages": 5, "email_events": 5}.get(dataset, 1)
    assert done["bytes"] == len(text.encode())
    if dataset == "messages":
        assert rows[0]["subject"] == ("'=1+1" if form == "csv" else "=1+1")
        assert rows[0]["sent_at"] == "2026-11-02T10:00:00Z"
    assert export.export(REQUEST, dataset, form, "2026-11-01", "2026-11-30")["file"] == done["file"]
    assert database.value("select count(*) from mail.exports") == 1
    assert len(list(folder.iterdir())) == 1


def test_the_link(database, folder):
    done = export.export(REQUEST)
    path, stamp = re.fullmatch(r"https://go\.example(/api/exports/.*)\?signature=[\w-]{22}&expires=(\d+)", done["url"]).groups()
    assert path == f"/api/exports/{done['file']}"
    assert 6.9 < (int(stamp) - datetime.datetime.now().timestamp()) / 86400 < 7.1
    assert hashlib.md5(f"{stamp}{path} key".encode()).digest()[:2]


@pytest.mark.parametrize("kwargs, text", [
    ({"dataset": "users"}, "no dataset users"), ({"format": "parquet"}, "Debian has no library"),
    ({"first": "2026-11-03", "last": "2026-11-02"}, "is after")])
def test_what_can_t_be_exported(database, folder, kwargs, text):
    with pytest.raises(Failure, match=text):
        export.export(REQUEST, **kwargs)
    assert list(folder.iterdir()) == []


def test_nowhere_to_write(database, monkeypatch):
    monkeypatch.setattr(settings, "EXPORT_DIRECTORY", "")
    with pytest.raises(Failure, match="EXPORT_DIRECTORY"):
        export.export(REQUEST)


# --- generate_user_report

@pytest.fixture
def user(database, campaign):
    user = database.create_user()
    database.rows("update app.campaigns set created_by = %s, name = '<b>Spring</b> $x$'", user)
    for _ in range(3):
        sent(database, campaign)
    daily.calculate("2026-11-02")
    return user


@pytest.mark.parametrize("form, begin", [("html", b"<!doctype html>"), ("pdf", b"%PDF-")])
def test_reports(database, user, folder, form, begin):
    done = report.generate(REQUEST, user, form, "2026-11-01", "2026-11-05")
    content = (folder / done["file"]).read_bytes()
    assert content.startswith(begin) and done["campaigns"] == 1
    if form == "html":
        assert b"&lt;b&gt;Spring&lt;/b&gt; $x$</td><td>3</td>" in content and b"data:image/png;base64,iVBOR" in content
    report.generate(REQUEST, user, form, "2026-11-01", "2026-11-05")
    assert database.rows("select recipient, subject from public.mails") == [("ann@example.com", "Your report is ready")]
    assert done["url"] in database.value("select body from public.mails")


def test_reports_on_nobody(database, folder):
    with pytest.raises(Failure, match="no user 99"):
        report.generate(REQUEST, 99)
    assert database.value("select count(*) from mail.reports") == 0


# --- cleanup_old_analytics

def test_clean_up(database, campaign, folder, monkeypatch):
    monkeypatch.setattr(cleanup, "BATCH", 2)
    message = sent(database, campaign)
    for days in (5, 40, 41, 42, 43, 44):
        database.rows("insert into mail.email_events (id, message_id, kind, at) values (gen_random_uuid(), %s, 'open',"
                      " now() - make_interval(days => %s))", message, days)
        daily.calculate(str(daily.today() - datetime.timedelta(days)))
    done = export.export(REQUEST)
    assert cleanup.clean(30) == {"before": str(daily.today() - datetime.timedelta(30)), "email_events": 5,
                                 "daily_metrics": 5, "beat_runs": 0, "files": 0}
    assert len(events(database)) == 1
    assert cleanup.clean(30)["email_events"] == 0
    assert (folder / done["file"]).exists()
    database.rows("update mail.exports set expires_at = now() - interval '1 second'")
    assert cleanup.clean(30)["files"] == 1
    assert list(folder.iterdir()) == []
    # or somebody would get it twice
    assert database.value("select count(*) from mail.messages") == 1


def test_link_of_a_file_has_no_way_out():
    with pytest.raises((Failure, ValueError, OSError)), files.writing("../x"):
        pass
