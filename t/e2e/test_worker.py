"""Campaigns' mail from end to end: published through the guarded API, sent by
the worker, opened, clicked, counted; each task by POST /api/jobs."""

import collections
import email
import email.policy
import json
import os
import re
import time
import urllib.parse

import pytest

from conftest import wait_until

LEADS = 1000 if os.environ.get("LEADGEN_LONG") else 60
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def post(gateway, task, **kwargs):
    answer = gateway.request("POST", "/api/jobs", "admin", body={"task": task, "kwargs": kwargs})
    assert answer.status == 202, answer.body
    return answer.json["id"]


def job(gateway, number):
    return gateway.request("GET", f"/api/jobs/{number}", "admin").json


def done(gateway, number, status="succeeded", seconds=30):
    wait_until(lambda: job(gateway, number)["status"] in ("succeeded", "failed"), seconds, f"end of {job(gateway, number)}")
    found = job(gateway, number)
    assert found["status"] == status, found
    return found


def work(gateway, task, **kwargs):
    return done(gateway, post(gateway, task, **kwargs))["result"]


@pytest.fixture(scope="module")
def campaign(gateway):
    """One with its leads, of a marked name."""
    made = gateway.request("POST", "/api/campaigns", "admin", body={
        "name": "Worker", "subject": "For {{ company }}",
        "body": "Hello {{ first_name }},\n\nhttps://shop.example/offer?a=1&b=2\n"}).json["id"]
    gateway.sql("""insert into app.leads (campaign_id, email, first_name, last_name, company, country)
        select %s, 'lead' || n || '@domain' || n %% 20 || '.example', 'Ann', 'Lee', 'Company ' || n, 'DE'
        from generate_series(1, %s) n""", made, LEADS)
    return made


def arrived(gateway):
    found = []
    for path in (gateway.run / "mail" / "new").iterdir():
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if re.fullmatch(r"lead\d+@domain\d+\.example", str(mail["To"])):
            found.append(mail)
    return found


@pytest.fixture(scope="module")
def mails(gateway, campaign):
    """Those of the campaign, once it was published."""
    began = time.monotonic()
    assert gateway.request("POST", f"/api/campaigns/{campaign}/publish", "admin").status == 200
    wait_until(lambda: len(arrived(gateway)) >= LEADS, 30 + LEADS / 5, f"{LEADS} mails")
    print(f"\n{LEADS} mails in {time.monotonic() - began:.1f} s")
    return arrived(gateway)


def test_each_mail_once(gateway, campaign, mails):
    wait_until(lambda: gateway.sql("select count(*) from public.jobs where task = 'send_campaign_email' and"
                                   " (kwargs->>'campaign_id')::bigint = %s and status = 'succeeded'", campaign)[0][0] == LEADS,
               30, "end of all jobs")
    time.sleep(1)
    counts = collections.Counter(str(mail["To"]) for mail in arrived(gateway))
    assert len(counts) == LEADS and set(counts.values()) == {1}

    shown, cursor = 0, ""
    while cursor is not None:
        page = gateway.request("GET", "/api/jobs?task=send_campaign_email&status=succeeded&limit=200"
                               + (cursor and "&cursor=" + urllib.parse.quote(cursor)), "admin").json
        shown += sum(item["kwargs"]["campaign_id"] == campaign for item in page["items"])
        cursor = page["next_cursor"]
    assert shown == LEADS

    # the plan is the job of the guarded route
    (plan,) = [item for item in gateway.request("GET", "/api/jobs?task=schedule_campaign_emails", "admin").json["items"]
               if item["kwargs"]["campaign_id"] == campaign]
    assert (plan["status"], plan["result"]["planned"]) == ("succeeded", LEADS)
    assert gateway.request("POST", f"/api/campaigns/{campaign}/publish", "user").status == 403

    # once more: nobody gets it twice
    again = work(gateway, "schedule_campaign_emails", campaign_id=campaign)
    assert (again["planned"], again["left_out"]) == (0, {"sent": LEADS})
    assert work(gateway, "send_bulk_campaign_emails", campaign_id=campaign)["asked"] == 0


def path(url):
    return urllib.parse.urlsplit(url).path


def test_opens_and_clicks(gateway, campaign, mails):
    # what is opened at once is taken for a scanner's
    wait_until(lambda: gateway.sql("select max(sent_at) < now() - interval '2.5 seconds' from mail.messages")[0][0], 10, "age")
    agent = [("User-Agent", FIREFOX)]
    for number, mail in enumerate(mails[:30]):
        page = mail.get_body(("html",)).get_content()
        pixel = re.search(r'<img src="([^"]+)"', page)[1]
        assert gateway.request("GET", path(pixel), headers=agent).status == 200
        if number < 10:
            link = re.search(r'<a href="([^"]+)"', page)[1]
            answer = gateway.request("GET", path(link), headers=agent)
            assert (answer.status, answer.headers["Location"]) == (302, "https://shop.example/offer?a=1&b=2")
    wait_until(lambda: gateway.sql("select count(*) from mail.email_events e join mail.messages m on m.id = e.message_id"
                                   " where m.campaign_id = %s", campaign)[0][0] == 40, 20, "hits")

    figures = work(gateway, "generate_campaign_analytics", campaign_id=campaign)
    assert {name: figures[name] for name in ("leads", "sent", "opened", "clicked", "bounced", "machine_only")} == {
        "leads": LEADS, "sent": LEADS, "opened": 30, "clicked": 10, "bounced": 0, "machine_only": 0}
    today = gateway.sql("select (now() at time zone 'UTC')::date::text")[0][0]
    work(gateway, "calculate_daily_metrics", date=today, days=2)
    assert gateway.sql("select sum(sent)::int, sum(opened)::int, sum(clicked)::int from mail.daily_metrics"
                       " where campaign_id = %s", campaign)[0] == (LEADS, 30, 10)


def test_bounces(gateway, campaign, mails):
    sender = gateway.sql("select id::text, recipient from mail.messages where campaign_id = %s order by id limit 1", campaign)[0]
    report = (f"Return-Path: <>\nFrom: MAILER-DAEMON@x\nTo: bounces+{sender[0].replace('-', '')}@example.com\nMIME-Version: 1.0\n"
              "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
              "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
              f"Final-Recipient: rfc822; {sender[1]}\nAction: failed\nStatus: 5.1.1\n\n--b--\n")
    file = gateway.run / "bounces" / "new" / "one"
    file.write_text(report)
    file.chmod(0o644)
    # beat may have come first
    work(gateway, "process_email_bounces", limit=10)
    assert gateway.sql("select reason from mail.suppressions where address = %s", sender[1]) == [("bounced",)]
    assert not file.exists()


def test_exports_and_reports(gateway, campaign, mails):
    made = work(gateway, "export_analytics_data", dataset="messages", format="csv")
    target = made["url"].split("/", 3)[3]
    answer = gateway.request("GET", "/" + target, "admin")
    assert answer.status == 200, answer.body
    assert answer.body.decode().count("\n") == made["lines"] + 1 > LEADS
    assert "attachment" in answer.headers["Content-Disposition"]
    assert gateway.request("GET", "/" + target, "user").status == 403
    assert gateway.request("GET", "/" + target).status in (401, 403)
    assert gateway.request("GET", "/" + target.replace("expires=1", "expires=2"), "admin").status == 403
    assert gateway.request("GET", "/" + target.split("?")[0], "admin").status == 403

    me = gateway.request("GET", "/api/auth/me", "admin").json["id"]
    for form in ("html", "pdf"):
        made = work(gateway, "generate_user_report", user_id=me, format=form)
        assert gateway.request("GET", "/" + made["url"].split("/", 3)[3], "user").status == 200
    wait_until(lambda: [path for path in (gateway.run / "mail" / "new").iterdir()
                        if "Your report is ready" in path.read_text(errors="replace")], 10, "mail of the report")


def test_the_others(gateway, campaign, mails):
    assert work(gateway, "optimize_send_times")["learned"] is False
    assert "before" in work(gateway, "cleanup_old_analytics", older_than_days=3650)
    lead = gateway.sql("select lead_id from mail.messages where campaign_id = %s order by id desc limit 1", campaign)[0][0]
    assert work(gateway, "send_followup_email", campaign_id=campaign, lead_id=lead, after_days=1)["status"] in (
        "planned", "not_needed")
    assert work(gateway, "send_campaign_email", campaign_id=campaign, lead_id=lead)["repeated"]
    assert work(gateway, "track_email_opens", hits=[{
        "id": "018f0000-0000-7000-8000-000000000001", "kind": "open", "message": "018f0000-0000-7000-8000-000000000002",
        "at": "2026-11-02T12:00:00Z"}]) == {"hits": 1, "stored": 0}


@pytest.mark.parametrize("task, kwargs, error", [
    ("send_campaign_email", {"campaign_id": 999999, "lead_id": 1}, "There is no campaign 999999."),
    ("send_bulk_campaign_emails", {"campaign_id": 999999}, "There is no campaign"),
    ("send_followup_email", {"campaign_id": 1, "lead_id": 999999}, "There is no lead"),
    ("generate_campaign_analytics", {"campaign_id": 999999}, "There is no campaign"),
    ("optimize_send_times", {"campaign_id": 999999}, "There is no campaign"),
    ("schedule_campaign_emails", {"campaign_id": 999999}, "There is no campaign"),
    ("calculate_daily_metrics", {"date": "2999-01-01"}, "has not come yet"),
    ("generate_user_report", {"user_id": 999999}, "There is no user"),
    ("export_analytics_data", {"format": "parquet"}, "Parquet can't be written"),
    ("export_analytics_data", {"dataset": "users"}, "There is no dataset"),
    ("send_campaign_email", {"campaign_id": 1}, 422), ("track_email_opens", {"hits": []}, 422),
    ("process_email_bounces", {"limit": 0}, 422), ("cleanup_old_analytics", {"older_than_days": 0}, 422)])
def test_bad_input(gateway, task, kwargs, error):
    if error == 422:
        answer = gateway.request("POST", "/api/jobs", "admin", body={"task": task, "kwargs": kwargs})
        assert answer.status == 422 and json.loads(answer.body)["errors"]
    else:
        assert error in done(gateway, post(gateway, task, **kwargs), "failed")["error"]
