"""Redis stops and is emptied, the relay and the worker are killed, all while
jobs are asked for: each that was accepted is done, and its mail sent once."""

import collections
import email
import email.policy
import os
import pathlib
import re
import signal
import threading
import time

import psycopg2
import pytest
import redis

from conftest import wait_until

LONG = os.environ.get("LEADGEN_LONG") == "1"
AWAY = 60 if LONG else 0.2          # seconds without an answer of Redis
PAUSE = 0.02                        # between two jobs that are asked for
LEADS = 20000 if LONG else 2000


@pytest.fixture(scope="module")
def campaign(gateway):
    made = gateway.request("POST", "/api/campaigns", "admin", {
        "name": "Outage", "subject": "Hello", "body": "Dear reader"}).json["id"]
    gateway.sql("insert into app.leads (campaign_id, email, first_name, last_name, company, country)"
                " select %s, 'outage' || n || '@d' || n %% 50 || '.example', 'Ann', 'Lee', 'Company', 'DE' from generate_series(1, %s) n", made, LEADS)
    return made


class Load:
    """Asks for a mail to one lead after the other; what was answered 202 is kept."""

    def __init__(self, gateway, campaign):
        self.gateway = gateway
        self.campaign = campaign
        self.leads = gateway.sql("select id, email from app.leads where campaign_id = %s order by id", campaign)
        self.accepted = {}
        self.unexpected = []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        connection = None
        for lead, address in self.leads:
            if self.ending.wait(PAUSE):
                return
            try:
                connection = connection or self.gateway.connect()
                answer = self.gateway.request(
                    "POST", "/api/jobs", "admin", connection=connection,
                    body={"task": "send_campaign_email", "kwargs": {"campaign_id": self.campaign, "lead_id": lead}})
                if answer.status == 202:
                    self.accepted[answer.json["id"]] = address
                else:
                    self.unexpected.append((answer.status, answer.body))
            except OSError:             # its nginx was killed
                connection = None

    def __enter__(self):
        self.gateway.token("admin")
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


def family(pid):
    """A process and all that come from it."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]


def kill(gateway, program):
    for pid in reversed(family(int(gateway.supervisor("pid", program)))):
        os.kill(pid, signal.SIGKILL)


def mails(gateway):
    found = collections.Counter()
    for path in (gateway.run / "mail" / "new").iterdir():
        to = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)["To"]
        if re.match(r"outage\d+@", str(to)):
            found[str(to)] += 1
    return found


def test_every_job_is_done_and_each_mail_is_sent_once(gateway, campaign):
    broker = redis.Redis.from_url(gateway.env["REDIS_URL"])
    holder = psycopg2.connect(gateway.env["DATABASE_URL"])

    def states(load):
        return dict(gateway.sql("select status, count(*) from jobs where id = any(%s::uuid[]) group by 1",
                                list(load.accepted)))

    began = time.monotonic()
    with Load(gateway, campaign) as load:
        wait_until(lambda: states(load).get("succeeded"), 30, "mail")
        # who begins with a mail now waits for this table, and dies before he sends it
        holder.cursor().execute("lock table mail.suppressions")
        wait_until(lambda: states(load).get("started") and states(load).get("queued", 0) > 2, 30, "mail that is begun")
        broker.flushall()
        server = int(gateway.supervisor("pid", "redis"))
        os.kill(server, signal.SIGSTOP)
        try:
            time.sleep(AWAY / 2)
            count = len(load.accepted)
            for worker in gateway.workers():
                os.kill(worker, signal.SIGKILL)
            kill(gateway, "worker")
            holder.close()
            time.sleep(AWAY / 2)
            wait_until(lambda: len(load.accepted) > count, 30, "job without Redis")
        finally:
            os.kill(server, signal.SIGCONT)
        if LONG:
            done = states(load)["succeeded"]
            wait_until(lambda: states(load)["succeeded"] > done, 60, "job after the outage")
        kill(gateway, "redis")
        count = len(load.accepted)
        wait_until(lambda: len(load.accepted) > count, 30, "more jobs")

    ended = time.monotonic()
    left = "select id::text, status, worker, error from jobs where id = any(%s::uuid[]) and status <> 'succeeded'"
    try:
        wait_until(lambda: not gateway.sql(left, list(load.accepted)), 120 if LONG else 60, "end")
    except AssertionError:
        raise AssertionError(gateway.sql(left, list(load.accepted))) from None
    print(f"\n{len(load.accepted)} jobs in {ended - began:.1f} s, all done {time.monotonic() - ended:.1f} s later")
    assert load.unexpected == []
    assert mails(gateway) == collections.Counter(load.accepted.values())
