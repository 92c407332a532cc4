"""Jobs, as workers tell of them and ask for more."""

import datetime
import json
import uuid

import psycopg2
import pytest
from conftest import now, refusal

SEND = {"campaign_id": 3, "lead_id": 5}


def enqueue(database, task="send_campaign_email", kwargs=None, on=None, **others):
    names = "".join(f", {name} => %s" for name in others)
    return database.value(f"select job.enqueue(%s, %s::jsonb{names})", task,
                          json.dumps(SEND if kwargs is None else kwargs), *others.values(),
                          on=on or database.worker)


def job(database, job_id, columns="status"):
    return database.rows(f"select {columns} from public.jobs where id = %s", job_id)[0]


def test_the_life_of_a_job(database):
    job_id = enqueue(database)
    assert job(database, job_id, "task, queue, kwargs, status, due_at <= now()") == (
        "send_campaign_email", "emails", SEND, "pending", True)

    assert database.value("select job.started(%s, 'w@host', 0)", job_id, on=database.worker) is True
    assert job(database, job_id, "status, worker, due_at, started_at is not null") == (
        "started", "w@host", None, True)
    database.rows("select job.progress(%s, 3, 10)", job_id, on=database.worker)
    assert job(database, job_id, "progress_done, progress_total") == (3, 10)

    eta = now() + datetime.timedelta(seconds=9)
    database.rows("select job.retrying(%s, 'SMTP is away', %s)", job_id, eta, on=database.worker)
    assert job(database, job_id, "status, error, eta") == ("retrying", "SMTP is away", eta)
    assert database.value("select job.started(%s, 'w@host', 1)", job_id, on=database.worker) is True
    assert job(database, job_id, "status, retries, error") == ("started", 1, None)

    database.rows("select job.succeeded(%s, %s)", job_id, '{"sent": 1}', on=database.worker)
    database.rows("select job.failed(%s, 'late', 'Traceback')", job_id, on=database.worker)
    assert job(database, job_id, "status, result, error, progress_done, finished_at is not null") == (
        "succeeded", {"sent": 1}, None, 10, True)
    assert database.value("select job.started(%s, 'w@host', 0)", job_id, on=database.worker) is False


def test_given_back(database):
    """Redis was away when the worker wanted to try again."""
    job_id = enqueue(database)
    database.value("select job.started(%s, 'w@host', 0)", job_id, on=database.worker)
    eta = now() + datetime.timedelta(seconds=9)
    database.rows("select job.returned(%s, 'SMTP is away', %s)", job_id, eta, on=database.worker)
    assert job(database, job_id, "status, error, eta, due_at") == ("pending", "SMTP is away", eta, eta)
    database.rows("select job.succeeded(%s, '1')", job_id, on=database.worker)
    database.rows("select job.returned(%s, 'late', now())", job_id, on=database.worker)
    assert job(database, job_id, "status, due_at") == ("succeeded", None)


def test_failed(database):
    job_id = enqueue(database)
    database.rows("select job.failed(%s, 'no such lead', 'Traceback ...')", job_id, on=database.worker)
    assert job(database, job_id, "status, error, traceback") == ("failed", "no such lead", "Traceback ...")


def test_revoked_jobs_are_not_begun(database):
    revoked, expired = enqueue(database), enqueue(database)
    database.rows("select job.revoked(%s)", revoked, on=database.worker)
    database.rows("select job.revoked(%s, true)", expired, on=database.worker)
    assert [job(database, job_id)[0] for job_id in (revoked, expired)] == ["revoked", "expired"]
    for job_id in (revoked, expired):
        assert database.value("select job.started(%s, 'w', 0)", job_id, on=database.worker) is False


def test_one_worker_at_a_time(database):
    job_id = enqueue(database)
    assert database.value("select job.started(%s, 'a', 0)", job_id, on=database.worker)
    database.rows("insert into public.job_workers (hostname, since, last_heartbeat) values ('a', now(), now())")
    assert not database.value("select job.started(%s, 'b', 0)", job_id, on=database.worker)
    assert database.value("select job.started(%s, 'a', 0)", job_id, on=database.worker)
    database.rows("update public.job_workers set last_heartbeat = now() - interval '31 seconds'")
    assert database.value("select job.started(%s, 'b', 0)", job_id, on=database.worker)


def test_a_result_that_is_too_big(database):
    job_id = enqueue(database)
    database.rows("select job.succeeded(%s, %s)", job_id, json.dumps("x" * 70000), on=database.worker)
    assert job(database, job_id, "result") == ({"too_large": 70002},)


def test_jobs_of_others_are_let_alone(database):
    other = uuid.uuid4()
    assert database.value("select job.started(%s, 'w', 0)", other, on=database.worker) is True
    for call in ("job.succeeded(%s, 'null')", "job.failed(%s, 'e', 't')", "job.retrying(%s, 'e', now())",
                 "job.revoked(%s)", "job.progress(%s, 1, 2)"):
        database.rows(f"select {call}", other, on=database.worker)
    assert database.rows("select from public.jobs") == []


def test_one_id_is_put_once(database):
    given = uuid.uuid4()
    assert [enqueue(database, id=given) for _ in range(2)] == [given, given]
    assert database.value("select count(*) from public.jobs") == 1
    connection = database.connect("worker")
    connection.autocommit = False
    enqueue(database, on=connection)
    connection.rollback()
    assert database.value("select count(*) from public.jobs") == 1


def test_times(database):
    eta = now() + datetime.timedelta(days=40)
    job_id = enqueue(database, eta=eta, expires=eta + datetime.timedelta(hours=1), queue="analytics")
    assert job(database, job_id, "due_at, queue") == (eta, "analytics")
    for wrong in (eta, now() - datetime.timedelta(seconds=1)):
        with pytest.raises(psycopg2.Error) as raised:
            enqueue(database, eta=eta, expires=wrong)
        assert refusal(raised)[2][0]["field"] == "expires"


@pytest.mark.parametrize("task, kwargs, field", [
    ("rm", {}, "task"),
    ("send_campaign_email", [], "kwargs"),
    ("send_campaign_email", {"campaign_id": 3}, "kwargs.lead_id"),
    ("send_campaign_email", {**SEND, "lead_id": None}, "kwargs.lead_id"),
    ("send_campaign_email", {**SEND, "lead_id": 0}, "kwargs.lead_id"),
    ("send_campaign_email", {**SEND, "lead_id": "5"}, "kwargs.lead_id"),
    ("send_campaign_email", {**SEND, "lead_id": 5.5}, "kwargs.lead_id"),
    ("send_campaign_email", {**SEND, "lead_id": True}, "kwargs.lead_id"),
    ("send_campaign_email", {**SEND, "lead_id": 2 ** 53}, "kwargs.lead_id"),
    ("send_campaign_email", {**SEND, "lead_id": 10 ** 300}, "kwargs.lead_id"),
    ("send_campaign_email", {**SEND, "other": 1}, "kwargs.other"),
    ("send_bulk_campaign_emails", {"campaign_id": 1, "lead_ids": 5}, "kwargs.lead_ids"),
    ("send_bulk_campaign_emails", {"campaign_id": 1, "lead_ids": [1, "2"]}, "kwargs.lead_ids"),
    ("send_followup_email", {**SEND, "after_days": 91}, "kwargs.after_days"),
    ("calculate_daily_metrics", {"date": "2026-02-30"}, "kwargs.date"),
    ("calculate_daily_metrics", {"date": 20260201}, "kwargs.date"),
    ("generate_user_report", {"user_id": 1, "format": "exe"}, "kwargs.format"),
    ("export_analytics_data", {"dataset": "x" * 64}, "kwargs.dataset"),
    ("export_analytics_data", {"dataset": ""}, "kwargs.dataset"),
    ("track_email_opens", {"hits": []}, "kwargs.hits"),
    ("track_email_opens", {"hits": [1]}, "kwargs.hits.0"),
    ("track_email_opens", {"hits": [{"id": "x"}]}, "kwargs.hits.0.at"),
])
def test_arguments_that_do_not_fit(untouched, task, kwargs, field):
    with pytest.raises(psycopg2.Error) as raised:
        enqueue(untouched, task, kwargs)
    state, _, errors = refusal(raised)
    assert state == "LG422"
    assert errors[0]["field"] == field
    assert errors[0]["message"]


@pytest.mark.parametrize("task, kwargs", [
    ("app.tasks.email_tasks.send_campaign_email", SEND),
    ("send_bulk_campaign_emails", {"campaign_id": 1, "lead_ids": [1, 2, 3]}),
    ("send_followup_email", {**SEND, "after_days": 0}),
    ("process_email_bounces", {"limit": 10000}),
    ("track_email_opens", {"hits": [{
        "id": "01a20676-1f28-7758-9049-5fcad4e6080b", "kind": "click", "at": "2026-11-23T08:00:00.5Z",
        "message": "01a20676-1f28-7758-9049-5fcad4e6080c", "ip_address": "2001:db8::1", "user_agent": "ü",
        "url": "https://example.com/"}] * 500}),
    ("generate_campaign_analytics", {"campaign_id": 1}),
    ("optimize_send_times", {}),
    ("schedule_campaign_emails", {"campaign_id": 1}),
    ("calculate_daily_metrics", {"date": "2024-02-29", "days": 366}),
    ("generate_user_report", {"user_id": 1, "from": "2026-01-01", "to": "2026-02-01", "format": "pdf"}),
    ("export_analytics_data", {"dataset": "leads", "format": "parquet"}),
    ("cleanup_old_analytics", {"older_than_days": 3650}),
])
def test_arguments_that_fit(database, task, kwargs):
    job_id = enqueue(database, task, {**kwargs})
    assert job(database, job_id, "task, kwargs") == (task.rsplit(".", 1)[-1], kwargs)


def test_null_is_left_out(database):
    job_id = enqueue(database, "optimize_send_times", {"campaign_id": None})
    assert job(database, job_id, "kwargs") == ({},)


@pytest.mark.parametrize("others, field", [({"queue": "other"}, "queue"), ({"queue": "unacked"}, "queue")])
def test_queues(untouched, others, field):
    with pytest.raises(psycopg2.Error) as raised:
        enqueue(untouched, **others)
    assert refusal(raised)[2][0]["field"] == field
