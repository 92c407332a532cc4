"""Jobs, from POST to what a Celery worker that knows nothing of the gateway did."""

import os
import pathlib
import random
import subprocess
import time

import pytest
import redis

from conftest import wait_until

HERE = pathlib.Path(__file__).parent
SEND = {"campaign_id": 3, "lead_id": 5}


class Celery:
    """Workers of t/e2e/stock.py."""

    def __init__(self, gateway, folder):
        self.effects = folder
        self.env = {"PATH": "/usr/bin:/bin", "REDIS_URL": gateway.env["REDIS_URL"], "EFFECTS": str(folder),
                    "PYTHONDONTWRITEBYTECODE": "1"}
        self.redis = redis.Redis.from_url(gateway.env["REDIS_URL"])
        self.workers = {}
        self.log = open(folder / "celery.log", "w")

    def start(self, name="one", **env):
        self.workers[name] = subprocess.Popen(
            ["/usr/bin/python3", "-m", "celery", "-A", "stock", "worker", "-E", "-l", "warning", "-c", "1",
             "--without-gossip", "--without-mingle", "-n", f"{name}@test", "-Q", "emails,campaigns,analytics"],
            cwd=HERE, env={**self.env, **env}, stdout=self.log, stderr=self.log, start_new_session=True)
        wait_until(lambda: any(f"{name}@test".encode() in member for member in
                               self.redis.smembers("_kombu.binding.celery.pidbox")), 20, f"worker {name}")

    def kill(self, name="one"):
        """As the kernel would, with all it has made."""
        worker = self.workers.pop(name)
        os.killpg(worker.pid, 9)
        worker.wait()
        self.redis.delete("_kombu.binding.celery.pidbox")

    def ran(self, job_id, what="ran"):
        """How often."""
        file = self.effects / f"{job_id}.{what}"
        return file.stat().st_size if file.exists() else 0

    def stop(self):
        for name in list(self.workers):
            self.kill(name)
        self.log.close()


@pytest.fixture(scope="module")
def alone(gateway):
    """Without the workers of `make up`, which take from the same queues."""
    gateway.supervisor("stop", "beat", "worker")
    redis.Redis.from_url(gateway.env["REDIS_URL"]).delete("_kombu.binding.celery.pidbox")
    yield
    gateway.supervisor("start", "beat", "worker")


@pytest.fixture
def celery(gateway, alone, tmp_path):
    celery = Celery(gateway, tmp_path)
    yield celery
    celery.stop()


def post(gateway, task="send_campaign_email", kwargs=None, headers=(), **fields):
    answer = gateway.request("POST", "/api/jobs", "admin", headers=headers,
                             body={"task": task, "kwargs": SEND if kwargs is None else kwargs, **fields})
    assert answer.status == 202, answer.body
    assert answer.headers["Location"] == f"/api/jobs/{answer.json['id']}"
    return answer.json["id"]


def job(gateway, job_id):
    answer = gateway.request("GET", f"/api/jobs/{job_id}", "admin")
    assert answer.status == 200, answer.body
    return answer.json


def wait_for(gateway, job_id, status, seconds=15):
    last = {}

    def reached():
        last.update(job(gateway, job_id))
        return last["status"] == status

    try:
        wait_until(reached, seconds, status)
    except AssertionError:
        raise AssertionError(f"{job_id} is not {status}: {last}") from None
    return last


def test_a_foreign_worker(gateway, celery):
    celery.start()
    began = time.monotonic()
    sent = post(gateway)
    failing = post(gateway, "generate_campaign_analytics", {"campaign_id": 9})
    again = post(gateway, "calculate_daily_metrics", {"days": 2})
    late = post(gateway, countdown=2)

    done = wait_for(gateway, sent, "succeeded")
    assert (done["result"], done["error"], done["relays"], done["worker"]) == (
        {"campaign": 3, "lead": 5}, None, 1, "one@test")
    assert done["enqueued_at"] <= done["relayed_at"]

    failed = wait_for(gateway, failing, "failed")
    assert "there is no campaign 9" in failed["error"]
    assert "Traceback" in failed["traceback"]

    retried = wait_for(gateway, again, "succeeded")
    assert (retried["retries"], retried["result"]) == (1, 1)

    wait_for(gateway, late, "succeeded")
    assert time.monotonic() - began > 2
    assert [celery.ran(job_id) for job_id in (sent, again, late)] == [1, 2, 1]

    assert gateway.request("POST", f"/api/jobs/{failing}/retry", "admin").status == 202
    wait_until(lambda: job(gateway, failing)["relays"] == 2, 5, "second relay")
    wait_for(gateway, failing, "failed")

    workers = gateway.request("GET", "/api/jobs/workers", "admin").json["workers"]
    assert ("one@test", "online") in [(worker["hostname"], worker["status"]) for worker in workers]
    queues = gateway.request("GET", "/api/jobs/queues", "admin").json["queues"]
    assert [queue["name"] for queue in queues] == ["analytics", "campaigns", "emails"]
    assert sum(queue["rate_per_minute"] for queue in queues) >= 4


def test_an_eta_beyond_the_visibility_timeout(gateway, celery):
    """What a worker holds back for longer than that, another gets as well: so
    nothing is given to one before it is due."""
    celery.start("one", VISIBILITY="1")
    late = post(gateway, countdown=3)
    # one that starts looks for what others have held too long
    celery.start("two", VISIBILITY="1")
    done = wait_for(gateway, late, "succeeded")
    assert done["eta"] <= done["relayed_at"] <= done["started_at"]
    wait_until(lambda: not celery.redis.hlen("unacked"), 10, "acknowledgement")
    assert (celery.ran(late), done["relays"]) == (1, 1)


def test_revoke(gateway, celery):
    waiting = post(gateway, countdown=3600)
    assert gateway.request("DELETE", f"/api/jobs/{waiting}", "admin").status == 204
    assert job(gateway, waiting)["status"] == "revoked"
    assert gateway.request("DELETE", f"/api/jobs/{waiting}", "admin").status == 409

    celery.start()
    running = post(gateway, "optimize_send_times", {"campaign_id": 600})
    wait_for(gateway, running, "started")
    # only now: before, the worker could take it first
    queued = post(gateway)
    wait_for(gateway, queued, "queued")
    assert gateway.request("DELETE", f"/api/jobs/{queued}", "admin").status == 202
    assert gateway.request("DELETE", f"/api/jobs/{running}", "admin").status == 409
    # the worker has heard of the first by then
    assert gateway.request("DELETE", f"/api/jobs/{running}?terminate=true", "admin").status == 202
    assert wait_for(gateway, running, "revoked")["error"] is None
    last = post(gateway)
    wait_for(gateway, last, "succeeded")
    assert (celery.ran(queued), celery.ran(running), celery.ran(running, "begun")) == (0, 0, 1)
    assert job(gateway, queued)["status"] == "revoked"

    def actions():
        items = gateway.request("GET", f"/api/admin/audit-logs?resource_id={running}", "admin").json["items"]
        return [item["action"] for item in items if item["action"].startswith("job_")]

    # the row of the first, which was refused, comes by the spool
    wait_until(lambda: actions() == ["job_revoked", "job_revoked", "job_enqueued"], 10, "rows of both")


def test_idempotency_key(gateway):
    headers = [("Idempotency-Key", "one")]
    first = post(gateway, headers=headers, countdown=3600)
    assert post(gateway, headers=headers, countdown=3600) == first
    answer = gateway.request("POST", "/api/jobs", "admin", headers=headers,
                             body={"task": "send_campaign_email", "kwargs": SEND})
    assert answer.status == 422
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


def test_who_may(gateway):
    body = {"task": "send_campaign_email", "kwargs": SEND}
    assert gateway.request("POST", "/api/jobs", "manager", body=body).status == 403
    assert gateway.request("POST", "/api/jobs", body=body).status == 401
    answer = gateway.request("POST", "/api/jobs", "admin", body={**body, "kwargs": {"campaign_id": "3"}})
    assert answer.status == 422
    assert {error["field"] for error in answer.json["errors"]} == {"kwargs.campaign_id", "kwargs.lead_id"}


def test_a_route_asks_for_a_job(gateway, celery):
    """Publishing a campaign plans its mails: the job has the request's id."""
    made = gateway.request("POST", "/api/campaigns", "admin",
                           {"name": "Spring", "subject": "Hello", "body": "Dear reader"})
    number = made.json["id"]
    answer = gateway.request("POST", f"/api/campaigns/{number}/publish", "admin")
    assert answer.status == 200, answer.body
    wait_until(lambda: gateway.sql("select id from jobs where id = %s", answer.request_id), 5, "job")
    wanted = job(gateway, answer.request_id)
    assert (wanted["task"], wanted["kwargs"]) == ("schedule_campaign_emails", {"campaign_id": number})
    again = gateway.request("POST", f"/api/campaigns/{number}/publish", "admin")
    assert again.status == 409
    missing, _ = gateway.wait_for_rows([again.request_id], 5)
    assert not missing
    assert gateway.sql("select id from jobs where id = %s", again.request_id) == []


def test_what_is_accepted_stops_no_worker(gateway, celery):
    """Whatever arguments are sent: what is taken is understood, and the worker lives."""
    celery.start()
    chance = random.Random(7)
    odd = [0, -1, 1, 2 ** 53 - 1, 2 ** 53, 2 ** 62, 1.5, 1e300, True, None, "", "5", "\x01", "\\u0000", "\ud83d\ude00",
           "'; drop table jobs; --", "\r\nFLUSHALL\r\n", "{{1}}", "2026-02-29", "2026-11-23", "html", "csv", [], [1],
           ["x"], {}, {"a": 1}, "x" * 5000]
    names = ["campaign_id", "lead_id", "lead_ids", "after_days", "limit", "hits", "date", "days", "user_id", "from", "to",
             "format", "dataset", "older_than_days", "self", "task_id", "__class__", "é"]
    tasks = ["send_campaign_email", "generate_campaign_analytics", "optimize_send_times", "calculate_daily_metrics",
             "track_email_opens", "app.tasks.email_tasks.send_campaign_email", "os.system"]
    accepted = []
    connection = gateway.connect()
    for _ in range(10000 if os.environ.get("LEADGEN_LONG") else 1000):
        kwargs = {chance.choice(names): chance.choice(odd) for _ in range(chance.randrange(4))}
        kwargs.pop("campaign_id", None) if chance.random() < 0.5 else kwargs.setdefault("campaign_id", 1)
        body = {"task": chance.choice(tasks), "kwargs": kwargs}
        if body["task"] == "optimize_send_times":
            kwargs["campaign_id"] = None            # it would take so many seconds
        if chance.random() < 0.1:
            body[chance.choice(["queue", "eta", "countdown", "expires", "priority", "x"])] = chance.choice(odd)
        answer = gateway.request("POST", "/api/jobs", "admin", body=body, connection=connection)
        assert answer.status in (202, 422), (body, answer.body)
        if answer.status == 202 and not body.get("countdown"):
            accepted.append(answer.json["id"])
    for raw in (b"\xff", b'{"task": "\\u0000"}', b'{"task": "optimize_send_times", "kwargs": {"campaign_id": NaN}}',
                b'{"task": "\\ud800"}', b"[" * 10000, b'{"task": 1, "task": 2}'):
        assert gateway.request("POST", "/api/jobs", "admin", body=raw).status in (400, 422)
    assert len(accepted) > 30
    wait_until(lambda: gateway.sql("select count(*) from jobs where id = any(%s::uuid[]) and finished_at is null",
                                   accepted) == [(0,)], 60, "end of all")
    assert celery.workers["one"].poll() is None
    last = post(gateway)
    wait_for(gateway, last, "succeeded")
