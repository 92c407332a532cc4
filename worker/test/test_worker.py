"""Workers as they are run: a job's life, what kills them, and what can't."""

import contextlib
import os
import pathlib
import signal

import pytest
from conftest import wait_until

SEND = "send_campaign_email"


def children(process):
    return [int(pid) for pid in pathlib.Path(
        f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def ended(database, job, status="succeeded", seconds=20):
    wait_until(lambda: database.state(job)[0] == status, seconds, f"{status}: {database.state(job)}")
    return database.state(job)


def put(database, workers, task, **kwargs):
    job = database.job(task, **kwargs)
    workers.send(task, kwargs, job)
    return job


def test_a_job_s_life(database, workers, sink):
    workers.worker(concurrency=2)
    campaign = database.campaign()
    lead = database.lead(campaign, "ann@lead.example")
    job = put(database, workers, SEND, campaign_id=campaign, lead_id=lead)
    status, result, error, retries = ended(database, job)
    assert (result["status"], error, retries) == ("sent", None, 0)
    assert len(sink.mails) == 1

    # once more by the same id, and by another
    workers.send(SEND, {"campaign_id": campaign, "lead_id": lead}, job)
    again = put(database, workers, SEND, campaign_id=campaign, lead_id=lead)
    assert ended(database, again)[1]["repeated"] is True

    missing = put(database, workers, SEND, campaign_id=campaign, lead_id=999)
    assert ended(database, missing, "failed")[2] == "There is no lead 999."
    assert len(sink.mails) == 1


def test_bad_arguments_fail_clearly(database, workers):
    process = workers.worker()
    for kwargs, message in (({}, "campaign_id is missing"), ({"campaign_id": "1", "lead_id": 1}, "campaign_id is not"),
                            ({"campaign_id": 1, "lead_id": 0}, "lead_id is not"),
                            ({"campaign_id": 1, "lead_id": 1, "x": 1}, "no argument x"),
                            ({"campaign_id": True, "lead_id": 1}, "campaign_id is not")):
        # the gateway would have refused it
        job = database.job(SEND, campaign_id=1, lead_id=1)
        workers.send(SEND, kwargs, job)
        assert message in ended(database, job, "failed")[2]
    assert process.poll() is None


def test_tries_again(database, workers, sink):
    workers.worker()
    campaign = database.campaign()
    lead = database.lead(campaign, "first-451@lead.example")
    job = put(database, workers, SEND, campaign_id=campaign, lead_id=lead)
    assert ended(database, job)[3] == 1
    assert len(sink.mails) == 1


@pytest.mark.parametrize("whole", [False, True], ids=["child", "worker"])
def test_killed_midway(database, workers, sink, whole):
    """Killed while the mail server is silent, and given out again: one mail."""
    process = workers.worker()
    campaign = database.campaign()
    lead = database.lead(campaign, "ann@lead.example")
    holder = database.connect("owner")
    database.rows("begin", on=holder)
    database.rows("lock table mail.suppressions", on=holder)
    job = put(database, workers, SEND, campaign_id=campaign, lead_id=lead)
    # it waits for that table now
    wait_until(lambda: database.rows("select 1 from pg_stat_activity where wait_event_type = 'Lock'"
                                     " and application_name = 'leadgen-worker'"), 15, "mail that is begun")
    victims = children(process)
    if whole:
        workers.kill(process)
    else:
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
    database.rows("rollback", on=holder)
    if whole:
        workers.worker()
        # the relay sees a worker that fell silent; Celery itself takes minutes
        workers.send(SEND, {"campaign_id": campaign, "lead_id": lead}, job)
    assert ended(database, job, seconds=40)[1]["status"] == "sent"
    assert len(sink.mails) == 1


@contextlib.contextmanager
def held(database):
    """Mails wait before they are sent, until it ends; yields how many wait."""
    holder = database.connect("owner")
    database.rows("begin", on=holder)
    database.rows("lock table mail.suppressions", on=holder)
    yield lambda: len(database.rows("select 1 from pg_stat_activity where wait_event_type = 'Lock'"
                                    " and datname = current_database() and application_name = 'leadgen-worker'"))
    database.rows("rollback", on=holder)


def test_the_same_message_twice_at_once(database, workers, sink):
    workers.worker(concurrency=2)
    campaign = database.campaign()
    lead = database.lead(campaign, "ann@lead.example")
    with held(database) as waiting:
        job = put(database, workers, SEND, campaign_id=campaign, lead_id=lead)
        wait_until(lambda: waiting() == 1, 15, "mail that is begun")
        workers.send(SEND, {"campaign_id": campaign, "lead_id": lead}, job)
        assert "Another worker is at job" in ended(database, job, "retrying")[2]
        assert waiting() == 1
    assert ended(database, job)[1]["status"] == "sent"
    assert len(sink.mails) == 1


def test_redis_takes_nothing_when_it_is_tried_again(database, workers, sink, broker):
    process = workers.worker()
    campaign = database.campaign()
    lead = database.lead(campaign, "first-451@lead.example")
    try:
        with held(database) as waiting:
            job = put(database, workers, SEND, campaign_id=campaign, lead_id=lead)
            wait_until(waiting, 15, "mail that is begun")
            broker.config_set("maxmemory", 1)
        assert "451" in ended(database, job, "pending")[2]
    finally:
        broker.config_set("maxmemory", 0)
    assert database.value("select due_at > now() from public.jobs where id = %s", job)
    # Celery's worker ends when Redis takes no acknowledgement
    workers.kill(process)
    workers.worker()
    # as the relay will
    workers.send(SEND, {"campaign_id": campaign, "lead_id": lead}, job)
    assert ended(database, job)[1]["status"] == "sent"
    assert len(sink.mails) == 1


def test_the_database_is_away_for_a_while(database, workers, sink):
    workers.worker()
    campaign = database.campaign()
    job = put(database, workers, SEND, campaign_id=campaign, lead_id=database.lead(campaign))
    ended(database, job)
    database.rows("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'leadgen-worker'")
    job = put(database, workers, SEND, campaign_id=campaign, lead_id=database.lead(campaign))
    assert ended(database, job)[1]["status"] == "sent"


def test_nothing_but_json(database, workers, broker):
    import base64
    import json
    import pickle
    process = workers.worker()
    message = {"body": base64.b64encode(pickle.dumps(((), {}, {}))).decode(), "content-encoding": "binary",
               "content-type": "application/x-python-serialize",
               "headers": {"lang": "py", "task": "app.tasks.email_tasks.send_campaign_email", "id": "x"},
               "properties": {"correlation_id": "x", "delivery_mode": 2, "priority": 0, "body_encoding": "base64",
                              "delivery_info": {"exchange": "", "routing_key": "emails"}, "delivery_tag": "t"}}
    broker.lpush("emails", json.dumps(message))
    wait_until(lambda: "Refusing to deserialize" in process.log.read_text(), 10, "refusal")
    job = put(database, workers, "calculate_daily_metrics", date="2026-01-01")
    ended(database, job)
