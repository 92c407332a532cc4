"""The calls below /api/jobs, and the relay between PostgreSQL and Redis."""

import base64
import datetime
import json
import uuid

import psycopg2
import pytest
from conftest import FOREIGN, event, now, refusal, request, uuid7

SEND = {"campaign_id": 3, "lead_id": 5}
MESSAGE = uuid.uuid4()
ADMIN = {"user_id": 1, "email": "ann@example.com", "role": "admin", "permissions": [], **FOREIGN}
CALLERS = (1,)


def call(database, function, body=None, **members):
    return database.call(function, request(principal=ADMIN, body=body, **members))


def post(database, key=None, **fields):
    status, body, location, audited = call(
        database, "job_create", {"task": "send_campaign_email", "kwargs": SEND, **fields}, idempotency_key=key)
    assert (status, audited) == (202, True)
    assert location == f"/api/jobs/{body['id']}"
    return body["id"]


def job(database, job_id):
    status, body, _, _ = call(database, "job", params={"id": job_id})
    assert status == 200
    return body


def path(job_id):
    return {"params": {"id": job_id}}


@pytest.fixture
def relay(database):
    assert database.value("select api.relay_elect()", on=database.gateway) is True
    return database


def take(database, limit=100):
    return database.rows("select id, mark, list, message, stale from api.relay_take(%s, 0)", limit,
                         on=database.gateway)


def done(database, ids, revoked=()):
    database.rows("select api.relay_done(%s::uuid[], %s::uuid[])", list(ids), list(revoked), on=database.gateway)


def relayed(database, job_id):
    (taken, mark, _, _, _), = take(database)
    assert str(taken) == job_id
    done(database, [job_id])
    return mark


def heard(database, *events):
    database.rows("select api.relay_heard(%s)", json.dumps(events), on=database.gateway)


def saw(database, ids=(), here=(), lost_after="30 s", attempts=3, longest="1 hour"):
    return bool(seen(database, ids, here, lost_after, attempts, longest))


def seen(database, ids=(), here=(), lost_after="30 s", attempts=3, longest="1 hour"):
    """(id, task, what becomes of it) of jobs that were lost; Nones: some are missing."""
    return database.rows(
        "select * from api.relay_saw(array['emails'], array[7], array[2], %s::uuid[], %s::boolean[], %s, %s, %s)",
        list(ids), list(here), lost_after, attempts, longest, on=database.gateway)


def test_posted_and_relayed(relay):
    job_id = post(relay, priority=3, expires=(now() + datetime.timedelta(hours=1)).isoformat())
    (taken, mark, list_, message, stale), = take(relay)
    assert (str(taken), mark, list_, stale) == (
        job_id, f"leadgen:job:{job_id}:1", "emails\x06\x163", "")
    message = json.loads(message)
    body = json.loads(base64.b64decode(message["body"], validate=True))
    assert body == [[], SEND, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    headers, properties = message["headers"], message["properties"]
    assert headers["task"] == "app.tasks.email_tasks.send_campaign_email"
    assert headers["id"] == headers["root_id"] == properties["correlation_id"] == job_id
    assert datetime.datetime.fromisoformat(headers["expires"]) > now()
    assert headers["headers"] is None
    assert properties["delivery_tag"] == f"{job_id}.1"
    assert properties["delivery_info"] == {"exchange": "", "routing_key": "emails"}

    assert take(relay)[0][1] == mark, "a relay that died in between uses the same mark"
    done(relay, [job_id])
    done(relay, [job_id])
    assert take(relay) == []
    seen = job(relay, job_id)
    assert (seen["status"], seen["relays"]) == ("queued", 1)
    assert seen["relayed_at"] and seen["created_by_email"] == "ann@example.com"


def test_the_trace_goes_on(relay):
    trace = f"{'a' * 32}-{'b' * 16}-1"
    call(relay, "job_create", {"task": "send_campaign_email", "kwargs": SEND}, trace=trace)
    (_, _, _, message, _), = take(relay)
    assert json.loads(message)["headers"]["headers"] == {"sentry-trace": trace}


def test_only_the_elected_takes(database, relay):
    other = database.connect("gateway")
    assert database.value("select api.relay_elect()", on=other) is False
    with pytest.raises(psycopg2.Error) as raised:
        database.rows("select * from api.relay_take(1, 0)", on=other)
    assert raised.value.pgcode == "LG409"
    assert database.value("select api.relay_elect()", on=relay.gateway) is True
    assert database.value("show idle_session_timeout", on=relay.gateway) == "4s"
    relay.gateway.close()
    for _ in range(100):
        if database.value("select api.relay_elect()", on=other):
            return
    pytest.fail("nobody is elected")


def test_times_wait_here(relay):
    job_id = post(relay, countdown=3600)
    assert take(relay) == []
    assert job(relay, job_id)["status"] == "pending"
    relay.rows("update public.jobs set due_at = now()")
    assert len(take(relay)) == 1


def test_expired(relay):
    job_id = post(relay, expires=(now() + datetime.timedelta(hours=1)).isoformat())
    relay.rows("update public.jobs set expires = now()")
    assert take(relay) == []
    assert job(relay, job_id)["status"] == "expired"


def test_large_ones_come_alone(relay):
    for _ in range(3):
        post(relay, task="send_bulk_campaign_emails", kwargs={"campaign_id": 1, "lead_ids": [2 ** 53 - 1] * 100000})
    assert len(take(relay)) == 2


@pytest.mark.parametrize("fields, field", [
    ({"task": None}, "task"), ({"task": 5}, "task"), ({"task": "rm"}, "task"), ({"other": 1}, "other"),
    ({"kwargs": []}, "kwargs"), ({"kwargs": {**SEND, "x": 1}}, "kwargs.x"), ({"queue": "x"}, "queue"),
    ({"queue": 1}, "queue"), ({"priority": 1}, "priority"), ({"priority": "0"}, "priority"),
    ({"eta": "tomorrow"}, "eta"), ({"eta": 5}, "eta"), ({"eta": "2226-01-01T00:00:00Z"}, "eta"),
    ({"countdown": -1}, "countdown"), ({"countdown": 1.5}, "countdown"),
    ({"countdown": 1, "eta": "2026-01-01T00:00:00Z"}, "countdown"),
    ({"expires": "2020-01-01T00:00:00Z"}, "expires")])
def test_fields(untouched, fields, field):
    with pytest.raises(psycopg2.Error) as raised:
        post(untouched, **fields)
    state, _, errors = refusal(raised)
    assert state == "LG422"
    assert [error["field"] for error in errors] == [field]


def test_idempotency_key(database):
    first = post(database, key="a")
    assert post(database, key="a") == first
    assert post(database, key="b") != first
    with pytest.raises(psycopg2.Error) as raised:
        post(database, key="a", priority=9)
    assert refusal(raised)[2][0]["field"] == "Idempotency-Key"
    assert database.value("select count(*) from public.jobs") == 2
    assert [item["action"] for item in database.logs()[0]] == ["job_enqueued"] * 3


def test_list(database):
    ids = [post(database) for _ in range(5)]
    other = post(database, task="cleanup_old_analytics", kwargs={})
    _, page, _, _ = call(database, "jobs", query={"limit": "2", "queue": "emails"})
    assert [item["id"] for item in page["items"]] == [ids[4], ids[3]]
    post(database)
    _, page, _, _ = call(database, "jobs", query={"limit": "3", "queue": "emails", "cursor": page["next_cursor"]})
    assert [item["id"] for item in page["items"]] == [ids[2], ids[1], ids[0]]
    assert page["next_cursor"] is None
    _, page, _, _ = call(database, "jobs", query={"task": "cleanup_old_analytics", "status": "pending"})
    assert [item["id"] for item in page["items"]] == [other]
    for query in ({"task": "x"}, {"status": "x"}, {"queue": "x"}, {"limit": "0"}, {"cursor": "x"},
                  {"cursor": "AAAA"}, {"x": "y"}):
        with pytest.raises(psycopg2.Error) as raised:
            call(database, "jobs", query=query)
        assert refusal(raised)[0] == "LG422"


def test_no_such_job(untouched):
    for function in ("job", "job_delete", "job_retry"):
        for wrong in ("x", str(uuid.uuid4())):
            with pytest.raises(psycopg2.Error) as raised:
                call(untouched, function, params={"id": wrong})
            assert raised.value.pgcode == "LG404"


def test_revoked_in_postgresql(relay):
    job_id = post(relay)
    assert call(relay, "job_delete", **path(job_id))[0] == 204
    assert take(relay) == []
    assert job(relay, job_id)["status"] == "revoked"
    assert relay.logs()[0][0]["action"] == "job_revoked"
    assert call(relay, "job_retry", **path(job_id))[0] == 202
    assert len(take(relay)) == 1


def test_revoked_in_redis(relay):
    job_id = post(relay)
    relayed(relay, job_id)
    status, body, _, _ = call(relay, "job_delete", **path(job_id))
    assert (status, body["status"]) == (202, "revoked")
    (taken, mark, channel, message, _), = take(relay)
    assert (str(taken), mark, channel) == (job_id, "", "/0.celery.pidbox")
    body = json.loads(base64.b64decode(json.loads(message)["body"]))
    assert body["method"] == "revoke"
    assert body["arguments"] == {"task_id": job_id, "terminate": False, "signal": "SIGTERM"}
    done(relay, [], [job_id])
    assert take(relay) == []
    assert relay.value("select job.started(%s, 'w', 0)", job_id, on=relay.worker) is False
    with pytest.raises(psycopg2.Error) as raised:
        call(relay, "job_retry", **path(job_id))
    assert raised.value.pgcode == "LG409"


def test_a_running_job_is_ended_on_demand_only(relay):
    job_id = post(relay)
    relayed(relay, job_id)
    relay.rows("select job.started(%s, 'w', 0)", job_id, on=relay.worker)
    with pytest.raises(psycopg2.Error) as raised:
        call(relay, "job_delete", **path(job_id))
    assert raised.value.pgcode == "LG409"
    status, body, _, _ = call(relay, "job_delete", query={"terminate": "true"}, **path(job_id))
    assert (status, body["status"], body["revoking"]) == (202, "started", True)
    assert json.loads(base64.b64decode(json.loads(take(relay)[0][3])["body"]))["arguments"]["terminate"] is True
    relay.rows("select job.revoked(%s)", job_id, on=relay.worker)
    assert job(relay, job_id)["status"] == "revoked"


def test_revoked_while_it_is_taken(relay):
    job_id = post(relay)
    take(relay)
    assert call(relay, "job_delete", **path(job_id))[0] == 202
    done(relay, [job_id])
    assert [row[1] for row in take(relay)] == [""]
    assert job(relay, job_id)["status"] == "revoked"


def test_retry(relay):
    job_id = post(relay)
    relayed(relay, job_id)
    with pytest.raises(psycopg2.Error) as raised:
        call(relay, "job_retry", **path(job_id))
    assert raised.value.pgcode == "LG409"
    relay.rows("select job.failed(%s, 'e', 't')", job_id, on=relay.worker)
    status, body, location, _ = call(relay, "job_retry", **path(job_id))
    assert (status, body["status"], body["error"], location) == (202, "pending", None, f"/api/jobs/{job_id}")
    (_, mark, _, _, stale), = take(relay)
    assert (mark, stale) == (f"leadgen:job:{job_id}:2", f"{job_id}.1")


def test_results_of_foreign_workers(relay):
    job_id = post(relay)
    relayed(relay, job_id)

    def event(second):
        return {"uuid": job_id, "hostname": "w@h", "timestamp": now().timestamp() - 100 + second}

    heard(relay, {"type": "task-started", **event(0)})
    assert (job(relay, job_id)["status"], job(relay, job_id)["worker"]) == ("started", "w@h")
    heard(relay, {"type": "task-retried", **event(1), "exception": "OSError('away')", "traceback": "T"})
    assert (job(relay, job_id)["status"], job(relay, job_id)["error"]) == ("retrying", "OSError('away')")
    heard(relay, {"type": "task-started", **event(0)})
    assert job(relay, job_id)["status"] == "retrying", "of the first attempt, late"
    heard(relay, {"type": "task-started", **event(2)})
    assert job(relay, job_id)["status"] == "started"
    heard(relay, {"type": "task-succeeded", **event(3), "result": "[5]", "runtime": 0.1})
    assert (job(relay, job_id)["status"], job(relay, job_id)["result"]) == ("succeeded", None)
    heard(relay, {"task_id": job_id, "status": "SUCCESS", "result": [5], "traceback": None, "children": []})
    heard(relay, {"task_id": job_id, "status": "FAILURE", "result": {}, "traceback": "T"})
    seen = job(relay, job_id)
    assert (seen["status"], seen["result"], seen["retries"], seen["error"]) == ("succeeded", [5], 1, None)


def test_results_without_events(relay):
    job_id, other = post(relay), post(relay)
    done(relay, [row[0] for row in take(relay)])
    error = {"exc_type": "OSError", "exc_message": ["away"], "exc_module": "builtins"}
    heard(relay, {"task_id": job_id, "status": "RETRY", "result": error, "traceback": "T"},
          {"task_id": other, "status": "STARTED", "result": {"pid": 1}})
    assert (job(relay, job_id)["status"], job(relay, job_id)["error"]) == ("retrying", "OSError: away")
    assert (job(relay, other)["status"], job(relay, other)["result"]) == ("started", None)
    heard(relay, {"task_id": job_id, "status": "FAILURE", "result": error, "traceback": "T"})
    assert (job(relay, job_id)["status"], job(relay, job_id)["traceback"]) == ("failed", "T")


@pytest.mark.parametrize("result, status", [("expired", "expired"), ("revoked", "revoked"),
                                            ("terminated", "revoked")])
def test_revoked_by_foreign_workers(relay, result, status):
    job_id = post(relay)
    relayed(relay, job_id)
    heard(relay, {"task_id": job_id, "status": "REVOKED",
                  "result": {"exc_type": "TaskRevokedError", "exc_message": [result]}})
    assert job(relay, job_id)["status"] == status


def test_nonsense_is_left_out(relay):
    job_id = post(relay)
    relayed(relay, job_id)
    heard(relay, 1, "x", None, [], {}, {"type": 5}, {"task_id": "x", "status": "SUCCESS"},
          {"type": "worker-heartbeat"}, {"type": "worker-heartbeat", "hostname": "w", "timestamp": "x"},
          {"type": "worker-heartbeat", "hostname": "w", "timestamp": 1e300, "pid": 1e300},
          {"uuid": job_id, "type": "task-started", "timestamp": "x"},
          {"task_id": str(uuid.uuid4()), "status": "SUCCESS", "result": 1},
          {"task_id": job_id, "status": "SUCCESS", "result": 1})
    assert job(relay, job_id)["status"] == "succeeded"


def test_redis_was_emptied(relay):
    job_id, begun = post(relay), post(relay)
    done(relay, [row[0] for row in take(relay)])
    relay.rows("select job.started(%s, 'w', 0)", begun, on=relay.worker)
    relay.rows("update public.jobs set relayed_at = relayed_at - interval '2 s'")
    out = relay.rows("select id, mark from api.relay_out(null, 10)", on=relay.gateway)
    assert {str(row[0]) for row in out} == {job_id, begun}
    assert (out[0][1]) == f"leadgen:job:{out[0][0]}:1"
    assert len(relay.rows("select id from api.relay_out(%s, 10)", out[0][0], on=relay.gateway)) == 1
    assert saw(relay, [job_id, begun], [True, True]) is False
    assert take(relay) == []
    assert seen(relay, [job_id, begun], [False, False]) == [(None, None, None)]
    assert [(str(row[0]), row[1]) for row in take(relay)] == [(job_id, f"leadgen:job:{job_id}:2")]


def test_a_worker_that_is_silent_is_lost(relay):
    job_id = post(relay)
    for attempt in (1, 2, 3):
        relay.rows("update public.jobs set due_at = now() where due_at is not null")
        relayed(relay, job_id)
        heard(relay, {"type": "worker-heartbeat", "hostname": "w", "pid": attempt, "timestamp": 1.0})
        relay.rows("select job.started(%s, 'w', 0)", job_id, on=relay.worker)
        relay.rows("update public.job_workers set since = '-infinity'")
        assert saw(relay) is False
        relay.rows("update public.job_workers set last_heartbeat = now() - interval '31 s'")
        outcome = "It is given up." if attempt == 3 else "It is tried again."
        assert [(str(lost), *rest) for lost, *rest in seen(relay)] == [
            (job_id, "send_campaign_email", f"The worker w was lost with it. {outcome}")]
        assert job(relay, job_id)["status"] == "lost"
    assert job(relay, job_id)["finished_at"]
    assert relay.rows("select due_at from public.jobs") == [(None,)]
    assert call(relay, "job_retry", **path(job_id))[0] == 202


def test_a_worker_that_says_that_it_begins(relay):
    """Heartbeats are seconds apart: what was begun after the last is lost, too."""
    job_id, later = post(relay), post(relay)
    done(relay, [row[0] for row in take(relay)])
    heard(relay, {"type": "worker-heartbeat", "pid": 1, "hostname": "w", "timestamp": now().timestamp()})
    relay.rows("select job.started(%s, 'w', 0)", job_id, on=relay.worker)
    relay.rows("select job.worker_began('w', 2)", on=relay.worker)
    relay.rows("select job.started(%s, 'w', 0)", later, on=relay.worker)
    heard(relay, {"type": "worker-heartbeat", "pid": 2, "hostname": "w", "processed": 1, "timestamp": now().timestamp()})
    assert saw(relay) is True
    assert [job(relay, one)["status"] for one in (job_id, later)] == ["lost", "started"]


def test_a_worker_that_has_begun_nothing_is_new(relay):
    job_id = post(relay)
    relayed(relay, job_id)
    heard(relay, {"type": "worker-heartbeat", "pid": 1, "hostname": "w", "timestamp": now().timestamp()})
    relay.rows("select job.started(%s, 'w', 0)", job_id, on=relay.worker)
    beat = {"type": "worker-heartbeat", "pid": 2, "hostname": "w", "processed": 0, "active": 0}
    heard(relay, {**beat, "timestamp": now().timestamp()})
    assert saw(relay) is True
    assert job(relay, job_id)["status"] == "lost"


@pytest.mark.parametrize("status", ["STARTED", "RETRY"])
def test_a_dead_worker_s_result_is_old(relay, status):
    """It stays in Redis until the job is brought there again."""
    job_id = post(relay)
    relayed(relay, job_id)
    heard(relay, {"type": "worker-heartbeat", "pid": 1, "hostname": "w", "timestamp": now().timestamp()})
    relay.rows("select job.started(%s, 'w', 0)", job_id, on=relay.worker)
    heard(relay, {"task_id": job_id, "status": "STARTED"})
    relay.rows("select job.worker_began('w', 2)", on=relay.worker)
    assert saw(relay) is True
    heard(relay, {"task_id": job_id, "status": status})
    assert job(relay, job_id)["status"] == "lost"


def test_taken_by_a_worker_that_died_before_it_began(relay):
    """Told by a function, and by an event; not if it was told of the message before."""
    told, heard_of, begun, early = post(relay), post(relay), post(relay), post(relay)
    relay.rows("select job.received(%s, 'w')", early, on=relay.worker)
    done(relay, [row[0] for row in take(relay)])
    beat = {"type": "worker-heartbeat", "pid": 1, "timestamp": now().timestamp()}
    heard(relay, {"hostname": "w", **beat}, {"hostname": "other", **beat},
          {"type": "task-received", "uuid": heard_of, "hostname": "w", "timestamp": now().timestamp()})
    for job_id, worker in ((told, "w"), (begun, "w"), (begun, "other")):
        relay.rows("select job.received(%s, %s)", job_id, worker, on=relay.worker)
    relay.rows("select job.started(%s, 'other', 0)", begun, on=relay.worker)
    assert saw(relay) is False
    heard(relay, {"type": "worker-online", "pid": 2, "hostname": "w", "timestamp": now().timestamp()})
    assert saw(relay) is True
    again = take(relay)
    assert {str(row[0]) for row in again} == {told, heard_of}
    assert all(row[4] == f"{row[0]}.1" for row in again)
    done(relay, [row[0] for row in again])
    assert saw(relay) is False and job(relay, told)["status"] == "queued"


def test_silence_tells_nothing_after_a_break(relay):
    job_id = post(relay)
    relayed(relay, job_id)
    heard(relay, {"type": "worker-heartbeat", "hostname": "w", "pid": 1, "timestamp": 1.0})
    relay.rows("select job.started(%s, 'w', 0)", job_id, on=relay.worker)
    relay.rows("update public.job_workers set last_heartbeat = now() - interval '31 s'")
    assert saw(relay, lost_after=None) is False
    assert job(relay, job_id)["status"] == "started"
    # nor does a row that is gone, as after a crash of PostgreSQL, until it would be there again
    relay.rows("delete from public.job_workers")
    assert saw(relay, lost_after=None) is saw(relay) is False
    relay.rows("update public.jobs set started_at = now() - interval '31 s'")
    assert saw(relay, lost_after=None) is False
    assert saw(relay) is True
    assert job(relay, job_id)["status"] == "lost"


def test_redis_was_emptied_of_what_is_tried_again(relay):
    """What a worker that lives has in mind comes once, what nobody has comes."""
    job_id = post(relay)
    relayed(relay, job_id)
    relay.rows("select job.started(%s, 'w', 0)", job_id, on=relay.worker)
    relay.rows("select job.retrying(%s, 'x', now() + interval '9 s')", job_id, on=relay.worker)
    assert saw(relay, [job_id], [False]) is False
    relay.rows("update public.jobs set eta = now() - interval '29 s', started_at = now() - interval '1 min'")
    assert saw(relay, [job_id], [False]) is False
    relay.rows("update public.jobs set eta = now() - interval '31 s'")
    assert saw(relay, [job_id], [True]) is saw(relay, [job_id], [False], lost_after=None) is False
    assert saw(relay, [job_id], [False]) is True
    assert [str(row[0]) for row in take(relay)] == [job_id]


def test_no_job_takes_for_ever(relay):
    """Redis was emptied, and the worker that lives does not know of the job any more."""
    job_id = post(relay)
    relayed(relay, job_id)
    relay.rows("select api.relay_heard(%s)", json.dumps([{"task_id": job_id, "status": "STARTED"}]), on=relay.gateway)
    assert saw(relay, [job_id], [False]) is False
    relay.rows("update public.jobs set started_at = now() - interval '61 min', reported_at = now() - interval '61 min'")
    assert saw(relay, [job_id], [True]) is saw(relay, [job_id], [False], longest="2 hours") is False
    assert saw(relay, [job_id], [False]) is True
    assert (job(relay, job_id)["status"], job(relay, job_id)["error"]) == ("lost", "Its message was lost.")


def test_a_worker_that_was_replaced_is_lost(relay):
    job_id = post(relay)
    relayed(relay, job_id)
    beat = {"hostname": "w", "timestamp": now().timestamp()}
    heard(relay, {"type": "worker-heartbeat", "pid": 1, **beat})
    relay.rows("select job.started(%s, 'w', 0)", job_id, on=relay.worker)
    assert saw(relay) is False
    heard(relay, {"type": "worker-online", "pid": 2, "hostname": "w", "timestamp": now().timestamp()})
    assert saw(relay) is True
    assert job(relay, job_id)["status"] == "lost"


def test_queues_and_workers(relay):
    post(relay)
    post(relay, countdown=60)
    relayed(relay, str(take(relay)[0][0]))
    saw(relay)
    _, body, _, _ = call(relay, "job_queues")
    emails, = [queue for queue in body["queues"] if queue["name"] == "emails"]
    assert {name: emails[name] for name in ("waiting", "unacknowledged", "scheduled", "queued", "pending")} == {
        "waiting": 7, "unacknowledged": 2, "scheduled": 1, "queued": 1, "pending": 0}
    assert emails["oldest_seconds"] == 0
    assert [queue["name"] for queue in body["queues"]] == ["analytics", "campaigns", "emails"]

    heard(relay, {"type": "worker-heartbeat", "hostname": "w", "pid": 5, "timestamp": 1.0, "active": 0,
                  "processed": 9, "sw_ident": "py-celery", "sw_ver": "5.2.6"})

    def worker():
        return call(relay, "job_workers")[1]["workers"][0]

    assert {name: worker()[name] for name in ("hostname", "status", "pid", "processed", "software", "jobs")} == {
        "hostname": "w", "status": "online", "pid": 5, "processed": 9, "software": "py-celery 5.2.6", "jobs": []}
    relay.rows("update public.jobs set relayed_at = relayed_at - interval '2 min'")
    assert worker()["status"] == "consuming_nothing"
    heard(relay, {"type": "worker-offline", "hostname": "w", "pid": 5, "timestamp": 1.0})
    assert worker()["status"] == "offline"


def test_the_relay_is_told(relay):
    relay.rows("listen leadgen_jobs", on=relay.gateway)
    post(relay, countdown=60)
    relay.gateway.poll()
    assert relay.gateway.notifies == []
    post(relay)
    for _ in range(100):
        relay.gateway.poll()
        if relay.gateway.notifies:
            return
    pytest.fail("nobody told it")


def test_old_ones_go(relay):
    job_id = post(relay)
    relay.rows("update public.jobs set status = 'succeeded', due_at = null, finished_at = now() - interval '31 days'")
    kept = post(relay)
    relay.rows("select api.relay_tidy('32 days')", on=relay.gateway)
    assert len(relay.rows("select id from public.jobs")) == 2
    relay.rows("select api.relay_tidy()", on=relay.gateway)
    assert [str(row[0]) for row in relay.rows("select id from public.jobs")] == [kept] != [job_id]


def hit(database, kind="opened", age=0, **values):
    moment = now() - datetime.timedelta(seconds=age)
    return {"id": uuid7(moment), "timestamp": moment, "action": f"email_{kind}", "resource_type": "message",
            "resource_id": str(MESSAGE), "ip_address": "192.0.2.7", "user_agent": "Mail", "success": True, **values}


def ingest(database, *events):
    database.ingest(*events, function="event_ingest")


def jobs_of_hits(database):
    return [kwargs["hits"] for kwargs, in database.rows(
        "select kwargs from public.jobs where task = 'track_email_opens' order by id")]


def test_hits(relay):
    ingest(relay, hit(relay, age=3), event(action="login"),
           hit(relay, "clicked", age=2, details=json.dumps({"path": "https://example.com/?a=b"})),
           hit(relay, "unsubscribed", age=1))
    assert [item["action"] for item in relay.logs()[0]] == ["login"]
    assert relay.value("select api.relay_hits()", on=relay.gateway) == 1
    (opened, clicked, unsubscribed), = jobs_of_hits(relay)
    assert opened["kind"] == "open" and opened["message"] == str(MESSAGE) and "url" not in opened
    assert (clicked["kind"], clicked["url"], clicked["ip_address"], clicked["user_agent"]) == (
        "click", "https://example.com/?a=b", "192.0.2.7", "Mail")
    assert (unsubscribed["kind"], unsubscribed["message"]) == ("unsubscribe", str(MESSAGE))
    assert relay.value("select private.task_errors('track_email_opens', kwargs) from public.jobs") is None
    assert relay.value("select count(*) from public.tracking_hits") == 0
    assert relay.value("select api.relay_hits()", on=relay.gateway) == 0


def test_hits_wait_for_others(relay):
    ingest(relay, hit(relay))
    assert relay.value("select api.relay_hits()", on=relay.gateway) == 0
    ingest(relay, *[hit(relay) for _ in range(500)])
    assert relay.value("select api.relay_hits()", on=relay.gateway) == 1
    assert [len(hits) for hits in jobs_of_hits(relay)] == [500]


def test_hits_wait_here_and_not_in_redis(relay):
    relay.rows("""insert into public.tracking_hits (id, kind, message, at)
        select private.uuid_mint(), 'open', gen_random_uuid(), now() from generate_series(1, 500 * 41)""")
    assert relay.value("select api.relay_hits()", on=relay.gateway) == 40
    assert relay.value("select api.relay_hits()", on=relay.gateway) == 0
    relay.rows("""update public.jobs set status = 'succeeded', finished_at = now(), due_at = null
        where id = (select min(id::text)::uuid from public.jobs)""")
    assert relay.value("select api.relay_hits()", on=relay.gateway) == 1


def test_jobs_of_events(relay):
    def published(path, status=200, success=True, **captured):
        job = {"task": "send_followup_email", "path": path,
               "body": {"lead_id": "request:/lead", "after_days": "response:/days"}}
        return event(action="campaign_published", user_id=7, success=success, details=json.dumps(
            {"status": status, "captured": {"job": job, "request:/lead": 5, **captured}}))

    wanted, refused = published({"campaign_id": "3"}, **{"response:/days": 2}), published({"campaign_id": "x"})
    others = [published({"campaign_id": "4"}, 500, False), published({"campaign_id": "4"}, 304),
              published({"campaign_id": "4"}, 0, None)]
    for _ in range(2):
        ingest(relay, wanted, refused, *others, hit(relay))
    assert relay.rows("select id, kwargs, created_by from public.jobs") == [
        (wanted["id"], {"campaign_id": 3, "lead_id": 5, "after_days": 2}, 7)]
    errors = {item["id"]: item["details"].get("job_error") for item in relay.logs()[0]}
    assert len(errors) == 5
    assert errors[str(wanted["id"])] is None
    assert errors[str(refused["id"])][0]["field"] == "kwargs.campaign_id"


def figures(database):
    """{ (queue, state): (jobs, waited) }"""
    return {row[:2]: row[2:] for row in database.rows(
        "select queue, state, jobs, waited from api.job_figures()", on=database.gateway)}


def test_figures_of_an_empty_database(database):
    assert figures(database) == {
        (queue, state): (0, 0 if state in ("pending", "queued") else None)
        for queue in ("emails", "campaigns", "analytics")
        for state in ("pending", "queued", "started", "retrying", "lost", "succeeded", "failed", "revoked", "expired")}


def test_figures_by_queue_and_state(database):
    def put(count, **columns):
        columns = {"queue": "emails", **columns}
        database.rows(f"insert into public.jobs (id, task, kwargs, {', '.join(columns)})"
                      f" select gen_random_uuid(), 't', '{{}}', {', '.join(['%s'] * len(columns))}"
                      " from generate_series(1, %s)", *columns.values(), count)

    put(2, status="pending", due_at=now() - datetime.timedelta(seconds=3))
    put(1, status="pending", due_at=now() + datetime.timedelta(days=1))
    put(10003, status="queued", relayed_at=now() - datetime.timedelta(minutes=5))
    put(1, status="queued", queue="analytics", relayed_at=now())
    put(3, status="failed", finished_at=now() - datetime.timedelta(minutes=59))
    put(4, status="failed", finished_at=now() - datetime.timedelta(minutes=61))
    put(1, status="started", queue="campaigns")

    found = figures(database)
    assert found["emails", "pending"][0] == 3
    assert 3000 <= found["emails", "pending"][1] < 60000
    assert found["emails", "queued"][0] == 10000
    assert 300000 <= found["emails", "queued"][1] < 360000
    assert found["emails", "failed"] == (3, None)
    assert found["campaigns", "started"] == (1, None)
    assert found["analytics", "queued"][0] == 1
    assert sum(jobs for jobs, _ in found.values()) == 3 + 10000 + 3 + 1 + 1
