"""The chain over the audit log: whatever is changed behind its back is found,
and the first bad row is named."""

import os
import random
import subprocess
import time
import uuid

import psycopg2
import pytest

from conftest import ROOT, wait_until

PATH = "/api/admin/audit-logs"
ACTIONS = (
    "login", "logout", "password_reset", "token_refresh", "campaign_created", "campaign_updated", "campaign_deleted",
    "campaign_published", "lead_created", "lead_updated", "lead_deleted", "lead_exported", "user_created",
    "user_updated", "user_deleted", "role_changed", "settings_updated", "integration_added", "integration_removed",
    "system_backup", "system_restore", "maintenance_mode")
TABLES = ("audit_logs", "audit_seals", "audit_anchors")
ALTERED = {
    "action": "'x'", "user_id": "coalesce(user_id, 0) + 1", "user_email": "'eve@example.com'",
    "resource_type": "'x'", "resource_id": "'x'", "details": "details || '{\"a\": 1}'", "ip_address": "'192.0.2.99'",
    "user_agent": "'x'", "timestamp": "timestamp + interval '1 microsecond'", "success": "not coalesce(success, true)",
    "error_message": "coalesce(error_message, '') || 'x'"}


def verify(gateway, **query):
    words = "&".join(f"{name.rstrip('_')}={value}" for name, value in query.items())
    answer = gateway.request("GET", f"{PATH}/verify?{words}", "admin")
    assert answer.status == 200, answer.body
    return answer.json


def verify_all(gateway):
    """As make verify-audit does: call after call."""
    result, cursor = None, None
    while result is None or cursor:
        result = verify(gateway, **({"cursor": cursor} if cursor else {}))
        cursor = result["next_cursor"]
    return result


def sealed(gateway):
    """Waits for seals; asking the gateway would make new rows."""
    wait_until(lambda: gateway.sql("select count(*) from public.audit_unsealed")
               == [(0,)], 20, "seals")


class Chain:
    """Rows of the chain, with the owner's hand on them."""

    def __init__(self, gateway, first, ids):
        self.gateway = gateway
        self.first = first
        self.ids = ids
        self.still = False
        self.connection = psycopg2.connect(gateway.env["DATABASE_URL"])
        self.connection.autocommit = True

    def sql(self, *statements):
        """Statements that no trigger sees, as one transaction."""
        with self.connection.cursor() as cursor:
            cursor.execute(";".join([
                "begin", *(f"alter table public.{table} disable trigger user" for table in TABLES), *statements,
                *(f"alter table public.{table} enable trigger user" for table in TABLES),
                *(["alter table public.audit_logs disable trigger audit_logs_queue"] if self.still else []),
                "commit"]))

    def seals(self):
        with self.connection.cursor() as cursor:
            cursor.execute("select id::text, sequence from public.audit_seals where id = any(%s::uuid[])"
                           " order by sequence", (self.ids,))
            return cursor.fetchall()

    def bad(self):
        result = verify(self.gateway, from_=self.first, to="2100-01-01T00:00:00Z")
        assert result["valid"] == (result["first_bad"] is None)
        return result["first_bad"]

    def keep(self):
        self.sql("drop table if exists public.kept_logs, public.kept_seals",
                 "create table public.kept_seals as select * from public.audit_seals where sequence >= "
                 "(select min(sequence) from public.audit_seals where id = any('{%s}'::uuid[]))" % ",".join(self.ids),
                 # what happened before may have come in later
                 "create table public.kept_logs as select * from public.audit_logs"
                 " where id >= '%s' or id in (select id from public.kept_seals)" % min(self.ids))

    def restore(self):
        self.sql("delete from public.audit_logs where id in (select id from public.kept_logs)",
                 "delete from public.audit_seals where sequence in (select sequence from public.kept_seals)",
                 "insert into public.audit_logs select * from public.kept_logs",
                 "insert into public.audit_seals select * from public.kept_seals")


@pytest.fixture(scope="module")
def chain(gateway):
    sealed(gateway)
    first = gateway.sql("select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0][0]
    ids = []
    for n, action in enumerate(ACTIONS):
        answer = gateway.request("POST", PATH, "admin", body={
            "action": action, "resource_id": str(n), "details": {"n": n, "ratio": n / 7, "text": "ä\"\\\n"},
            "success": n % 3 != 0})
        assert answer.status == 201, answer.body
        assert answer.json["id"] == answer.request_id
        ids.append(answer.request_id)
    sealed(gateway)
    chain = Chain(gateway, first, ids)
    yield chain
    chain.sql("drop table if exists public.kept_logs, public.kept_seals")


@pytest.fixture
def still(gateway, chain):
    """The chain while nothing is sealed, not even the requests of the test."""
    sealed(gateway)
    chain.still = True
    chain.sql("delete from public.audit_unsealed")
    chain.keep()
    yield chain
    chain.still = False
    chain.sql("insert into public.audit_unsealed (ids) select array[id] from public.audit_logs"
              " left join public.audit_seals using (id)"
              " where sequence is null and id not in (select unnest(ids) from public.audit_unsealed)")


def test_all_22_actions_are_there(gateway, chain):
    found = gateway.sql("select action from public.audit_logs where id = any(%s::uuid[])", chain.ids)
    assert sorted(action for action, in found) == sorted(ACTIONS)


def test_what_nobody_touched_is_valid(gateway, chain):
    assert chain.bad() is None
    result = verify_all(gateway)
    assert result["valid"] and result["first_bad"] is None
    # at once what is new, and a report that comes again changes nothing
    name = str(uuid.uuid4())
    for _ in range(2):
        assert gateway.request("POST", PATH, "admin", body={"action": "system_backup", "id": name}).status == 201
    sealed(gateway)
    assert chain.bad() is None


def test_every_deleted_row_is_found(still):
    for id, sequence in still.seals():
        still.sql(f"delete from public.audit_logs where id = '{id}'")
        assert still.bad() == {"problem": "row deleted", "sequence": sequence, "id": id}
        still.restore()
    assert still.bad() is None


def test_every_edited_column_is_found(still):
    for n, (id, sequence) in enumerate(still.seals()):
        for column, value in ALTERED.items() if n in (0, 9) else [random.choice(list(ALTERED.items()))]:
            still.sql(f"update public.audit_logs set {column} = {value} where id = '{id}'")
            assert still.bad() == {"problem": "row altered", "sequence": sequence, "id": id}, column
            still.restore()


def test_every_swap_is_found(still):
    seals = still.seals()
    for (id, sequence), (other, _) in zip(seals, seals[1:]):
        columns = ", ".join(ALTERED)
        still.sql(f"update public.audit_logs a set ({columns}) = (select {columns} from public.kept_logs k"
                  f" where k.id = case a.id when '{id}' then '{other}'::uuid else '{id}' end)"
                  f" where a.id in ('{id}', '{other}')")
        assert still.bad() == {"problem": "row altered", "sequence": sequence, "id": id}
        still.restore()


def test_every_change_of_a_seal_is_found(still):
    seals = still.seals()
    for n, (id, sequence) in enumerate(seals if os.environ.get("LEADGEN_LONG") else seals[::4]):
        for column in ("digest", "mac"):
            still.sql(f"update public.audit_seals set {column} = sha256({column}) where sequence = {sequence}")
            assert still.bad() == {"problem": "seal altered", "sequence": sequence, "id": id}
            still.restore()

        still.sql(f"delete from public.audit_seals where sequence = {sequence}")
        bad = still.bad()
        assert bad["sequence"] == sequence or n == 0
        assert bad["problem"] == "seal missing" or n == 0
        still.restore()


def test_every_cut_tail_is_found(still):
    """An anchor knows how long the chain was."""
    still.sql("insert into public.audit_anchors (number, sequence, mac)"
              " select coalesce((select max(number) from public.audit_anchors), 0) + 1, sequence, mac"
              " from (select * from public.audit_seals order by sequence desc limit 1) s"
              " where sequence > coalesce((select max(sequence) from public.audit_anchors), 0)")
    seals = still.seals()
    for _, sequence in seals[1:]:
        still.sql(f"delete from public.audit_logs where id in (select id from public.audit_seals where sequence >= {sequence})",
                  f"delete from public.audit_seals where sequence >= {sequence}")
        assert still.bad() == {"problem": "tail cut", "sequence": sequence, "id": None}
        still.restore()
    assert still.bad() is None

    still.sql("update public.audit_anchors set mac = sha256(mac) where number = (select max(number) from public.audit_anchors)")
    assert still.bad()["problem"] == "anchor altered"
    still.sql("delete from public.audit_anchors where number = (select max(number) from public.audit_anchors)")


def test_an_added_row_is_found(gateway, chain):
    id = gateway.sql("select private.uuid_at(now() - interval '1 day')::text")[0][0]
    chain.sql(f"insert into public.audit_logs (id, action, timestamp) values ('{id}', 'login', now())")
    try:
        assert verify_all(gateway)["first_bad"] == {"problem": "row added", "sequence": None, "id": id}
    finally:
        chain.sql(f"delete from public.audit_logs where id = '{id}'")
    assert verify_all(gateway)["valid"]


def test_who_may_not_and_what_is_wrong(gateway):
    assert gateway.request("GET", f"{PATH}/verify", "manager").status == 403
    for query in ("from=x", "to=x", "cursor=x", "limit=1"):
        answer = gateway.request("GET", f"{PATH}/verify?{query}", "admin")
        assert answer.status == 422 and answer.json["errors"][0]["field"] == query.split("=")[0]


def test_make_verify_audit(gateway, chain):
    def run():
        return subprocess.run([ROOT / "docker/local/verify-audit.py", gateway.run], capture_output=True, text=True,
                              env={**os.environ, "LEADGEN_PORT": str(gateway.port)})

    done = run()
    assert done.returncode == 0 and "valid" in done.stdout, done.stdout + done.stderr
    id, sequence = chain.seals()[3]
    chain.keep()
    chain.sql(f"update public.audit_logs set user_email = 'eve' where id = '{id}'")
    done = run()
    chain.restore()
    assert done.returncode == 1
    assert id in done.stdout and "row altered" in done.stdout and str(sequence) in done.stdout
