"""Who calls: nothing is changed for a caller who is not proved, whatever the gateway has found before."""

import concurrent.futures
import importlib.util
import itertools
import time
import types
import uuid

import psycopg2
import pytest
from conftest import HASH, SQL, Database, refusal, request

spec = importlib.util.spec_from_file_location("generate", SQL.parent / "include/tables/generate.py")
tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tables)

NEW = "$y$j9T$another$9876543210"
CASES = ("demoted", "deactivated", "password set", "sessions ended", "role narrowed", "deleted")
numbers = itertools.count()

# the calls that change something for somebody who is known
CHANGING = {row["function"]: row for row in tables.read("endpoints")
            if row["method"] != "GET" and row["access"] != "PUBLIC" and row["function"]}

# each of them: the function, its request, and what it answers
CALLS = {
    "api.logout": lambda world: ("logout", {}, 204),
    "api.password": lambda world: ("password_finish", {"password": {
        "verified": True, "hashed_password_old": HASH, "hashed_password_new": NEW}}, 200),
    "api.job_create": lambda world: ("job_create", {"body": {"task": "generate_campaign_analytics",
                                                             "kwargs": {"campaign_id": 1}}}, 202),
    "api.job_delete": lambda world: ("job_delete", {"params": {"id": world.job}}, 204),
    "api.job_retry": lambda world: ("job_retry", {"params": {"id": world.failed}}, 202),
    "api.role_create": lambda world: ("role_create", {"body": {"name": "made-" + world.role, "permissions": []}}, 201),
    "api.role_update": lambda world: ("role_update", {"params": {"name": world.spare}, "body": {"permissions": []}}, 200),
    "api.role_delete": lambda world: ("role_delete", {"params": {"name": world.spare}}, 204),
    "api.user_create": lambda world: ("user_create", {"body": {
        "email": f"made-{world.role}@example.com", "name": "M", "hashed_password": HASH}}, 201),
    "api.user_update": lambda world: ("user_update", {"params": {"id": world.other}, "body": {"name": "Other"}}, 200),
    "api.user_delete": lambda world: ("user_delete", {"params": {"id": world.other}}, 204),
    "api.user_sessions_end": lambda world: ("user_sessions_end", {"params": {"id": world.other}}, 204),
    "api.audit_report": lambda world: ("audit_report", {"body": {"action": "maintenance_mode"}}, 201)}

# functions of schema api that change something for no caller, and why they may
STRANGERS = {
    "audit_anchor": "the gateway's clock asks for it",
    "audit_ingest": "what the spool brings has happened already",
    "audit_retention": "the configuration says it",
    "audit_seal": "the gateway's clock asks for it",
    "event_ingest": "what the spool brings has happened already",
    "gateway_report": "a gateway speaks of itself",
    "login_finish": "the password is the proof",
    "mail_done": "the outbox is emptied for everybody",
    "mail_take": "the outbox is emptied for everybody",
    "password_reset_begin": "anybody may forget a password; the throttle comes first",
    "password_reset_confirm": "the mailed token is the proof",
    "password_upgrade": "the old hash is the proof, and the password stays",
    "refresh": "the refresh token is the proof",
    "relay_done": "the relay moves jobs that were accepted",
    "relay_elect": "the relay moves jobs that were accepted",
    "relay_heard": "the relay moves jobs that were accepted",
    "relay_hits": "the relay moves jobs that were accepted",
    "relay_saw": "the relay moves jobs that were accepted",
    "relay_take": "the relay moves jobs that were accepted",
    "relay_tidy": "the relay moves jobs that were accepted",
    # these read
    "caller_resolve": "reads, with the lock that keeps a change out",
    "audit_export": "reads, by a cursor", "audit_stats": "reads; adds up figures on the way, which changes none",
    "audit_unsealed": "reads, and takes batches for the seal", "decision": "reads", "gateways": "reads",
    "job": "reads", "job_schedule": "reads", "stats": "reads", "user": "reads", "user_sessions": "reads"}


def principal(world, endpoint, kind):
    permission = CHANGING[endpoint]["permission"].lower().replace("_", ":", 1)
    return {
        "user_id": world.user, "email": "ann@example.com", "role": world.role, "permissions": world.permissions,
        "session": world.session if kind == "ours" else str(uuid.UUID(int=0)),
        "issued_at": world.issued_at, "is_foreign": kind == "foreign",
        "required": None if permission == "none" else [permission]}


def asked(world, endpoint, kind):
    function, members, expected = CALLS[endpoint](world)
    config = {"admin": world.permissions, "user": []}
    return function, request(principal=principal(world, endpoint, kind), roles=config, **members), expected


def apply(world, case, on):
    """An administrator does it, as the API does."""
    boss = {"user_id": world.boss, "email": "boss@example.com", "role": "admin", "permissions": world.permissions,
            "session": world.boss_session, "issued_at": int(time.time()), "is_foreign": False, "required": None}
    function, id, body = {
        "demoted": ("user_update", {"id": str(world.user)}, {"role": "user"}),
        "deactivated": ("user_update", {"id": str(world.user)}, {"is_active": False}),
        "password set": ("user_update", {"id": str(world.user)}, {"hashed_password": NEW}),
        "sessions ended": ("user_sessions_end", {"id": str(world.user)}, None),
        "role narrowed": ("role_update", {"name": world.role}, {"permissions": []}),
        "deleted": ("user_delete", {"id": str(world.user)}, None)}[case]
    config = {"admin": world.permissions, "user": []}
    assert world.database.call(
        function, request(principal=boss, roles=config, params=id, body=body), on=on)[0] in (200, 204)


@pytest.fixture(scope="module")
def stage(cluster, template):
    database = Database(cluster, cluster.create(template))
    yield database
    database.close()


@pytest.fixture
def world(stage):
    """A caller with a role of the database that grants everything, an administrator, and what they change."""
    world = types.SimpleNamespace(database=stage, number=next(numbers))
    world.permissions = [name for name, in stage.rows("select name from private.permissions()")]
    world.role, world.spare = f"role-{world.number}", f"spare-{world.number}"
    for role, permissions in ((world.role, sorted(world.permissions)), (world.spare, [])):
        stage.rows("insert into public.roles (name, permissions) values (%s, %s)", role, permissions)
    world.user, world.other, world.boss = (
        stage.create_user(f"{name}-{world.number}@example.com", role)
        for name, role in (("ann", world.role), ("bob", "user"), ("boss", "admin")))
    world.session, world.boss_session = stage.login(world.user)[0], stage.login(world.boss)[0]
    world.job, world.failed = (str(uuid.uuid4()) for _ in range(2))
    for id in (world.job, world.failed):
        stage.rows("select private.job_put(%s, 'generate_campaign_analytics', '{\"campaign_id\": 1}', null, null,"
                   " null, null, null, null, null)", id)
    stage.rows("update public.jobs set status = 'failed', finished_at = now(), due_at = null where id = %s",
               world.failed)
    # before whatever happens to the caller, in however long
    world.issued_at = int(time.time())
    yield world
    stage.rows("delete from public.users")
    stage.rows("delete from public.roles")


def answer(world, endpoint, kind, on):
    function, body, expected = asked(world, endpoint, kind)
    try:
        return world.database.call(function, body, on=on)[0], expected
    except psycopg2.Error as error:
        return error.pgcode, expected


def refused_with(endpoint, case):
    """A role that was narrowed is still that of who calls: what needs no permission goes on."""
    if case != "role narrowed":
        return "LG401"
    return None if CHANGING[endpoint]["permission"] == "NONE" else "LG403"


def test_each_changing_call_is_here():
    assert set(CALLS) == set(CHANGING)


@pytest.mark.parametrize("kind", ["ours", "foreign"])
@pytest.mark.parametrize("endpoint", CALLS)
def test_who_is_proved_may(world, endpoint, kind):
    got, expected = answer(world, endpoint, kind, world.database.gateway)
    assert got == expected


@pytest.mark.parametrize("kind", ["ours", "foreign"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("endpoint", CALLS)
def test_in_flight_when_it_happens(world, endpoint, case, kind):
    """The call is under way when the change is made, and comes after it."""
    database = world.database
    boss = database.cluster.connect(database.name, "gateway")
    boss.autocommit = False
    try:
        apply(world, case, boss)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            call = pool.submit(answer, world, endpoint, kind, database.gateway)
            if refused_with(endpoint, case):
                database.wait_for_lock()
            boss.commit()
            got, expected = call.result()
    finally:
        boss.close()
    assert got == (refused_with(endpoint, case) or expected)


@pytest.mark.parametrize("kind", ["ours", "foreign"])
@pytest.mark.parametrize("endpoint", CALLS)
def test_what_comes_later_waits(world, endpoint, kind):
    """A call that was proved is over before its caller is deleted."""
    database = world.database
    caller = database.cluster.connect(database.name, "gateway")
    caller.autocommit = False
    try:
        got, expected = answer(world, endpoint, kind, caller)
        assert got == expected
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            change = pool.submit(apply, world, "deleted", database.gateway)
            database.wait_for_lock()
            caller.commit()
            change.result()
    finally:
        caller.close()


@pytest.mark.parametrize("endpoint", CALLS)
@pytest.mark.parametrize("change", [
    {"session": str(uuid.uuid4())}, {"session": None}, {"session": "boss"}, {"role": "admin"}, {"user_id": 0},
    {"user_id": None}, {"issued_at": 1}, None])
def test_what_proves_nothing(world, endpoint, change):
    """A session that is unknown or another's, another role, no user; a token older than a revocation."""
    database = world.database
    database.rows("select private.revoke(%s)", world.user)
    function, body, _ = asked(world, endpoint, "ours")
    if change is None:
        body["principal"] = None
    else:
        body["principal"].update(change)
        if change.get("session") == "boss":
            body["principal"]["session"] = world.boss_session
        if "issued_at" not in change:
            body["principal"]["issued_at"] += 5
    with pytest.raises(psycopg2.Error) as raised:
        database.call(function, body)
    assert refusal(raised)[0] == "LG401"


def test_an_expired_session(world):
    world.database.rows("update public.sessions set expires_at = now() where id = %s", world.session)
    assert answer(world, "api.job_create", "ours", world.database.gateway)[0] == "LG401"


def test_a_gateway_of_before(world):
    """It says nothing of the last three members, and its callers are proved by their sessions."""
    function, body, expected = asked(world, "api.user_create", "ours")
    for name in ("issued_at", "is_foreign", "required"):
        del body["principal"][name]
    assert world.database.call(function, body)[0] == expected
    apply(world, "sessions ended", world.database.gateway)
    with pytest.raises(psycopg2.Error) as raised:
        world.database.call(function, body)
    assert refusal(raised)[0] == "LG401"


def resolve(world, user=None, on=None):
    """Whether the user may come in, and as of which second."""
    row, = world.database.rows("select is_active, resolved_at from api.caller_resolve(%s)", user or world.user,
                               on=on or world.database.gateway)
    return row


def test_users_of_foreign_tokens(world):
    active, resolved = resolve(world)
    assert active and abs(resolved - time.time()) < 3
    assert [resolve(world, user)[0] for user in (world.other, 987654, -1)] == [True, False, False]
    for case in ("demoted", "password set", "sessions ended"):
        apply(world, case, world.database.gateway)
        active, again = resolve(world)
        assert active and again >= world.database.epochs(user=world.user)[-1] > resolved, case
        resolved = again
    apply(world, "deactivated", world.database.gateway)
    assert resolve(world)[0] is False and resolve(world)[1] >= world.database.epochs(user=world.user)[-1]
    apply(world, "deleted", world.database.gateway)
    assert resolve(world)[0] is False


def test_a_user_of_a_foreign_token_is_looked_up_after_what_is_under_way(world):
    """What is answered is never older than an epoch that is committed later."""
    boss = world.database.cluster.connect(world.database.name, "gateway")
    boss.autocommit = False
    try:
        apply(world, "deactivated", boss)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(resolve, world)
            world.database.wait_for_lock()
            boss.commit()
            active, resolved = answer.result()
    finally:
        boss.close()
    assert not active and resolved >= world.database.epochs(user=world.user)[-1]


def test_no_other_function_changes_anything(untouched):
    """Who adds one has to prove the caller first, or to say here why there is none."""
    found = {name for name, in untouched.rows("""
        select proname from pg_proc
        where pronamespace = 'api'::regnamespace and provolatile = 'v'
            and prosrc !~ '\\mbegin\\s+(--[^\\n]*\\n\\s+)?perform private\\.(caller_prove|users_lock)\\(request'""")}
    assert found == set(STRANGERS)
