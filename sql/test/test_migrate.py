"""sql/migrate: from nothing, again, back, and refused."""

import re
import subprocess

import pytest
from conftest import SQL, Database, request, sha256


def test_every_function_file_is_listed():
    listed = re.findall(r"^\\ir (\S+)", (SQL / "functions.sql").read_text(), re.M)
    assert sorted(listed) == sorted(str(path.relative_to(SQL))
                                    for path in (SQL / "functions").glob("*.sql"))


def test_twice(cluster):
    name = cluster.create()
    first = cluster.migrate(name, "--gateway-role", "gateway")
    second = cluster.migrate(name, "--gateway-role", "gateway")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout == second.stdout
    assert first.stdout.endswith("The database is up to date.\n")

    database = Database(cluster, name)
    version = database.value("select api.schema_version()", on=database.gateway)
    assert f"version {version}\n" in first.stdout
    database.close()


def test_without_a_role_and_from_another_folder(cluster, tmp_path):
    done = cluster.migrate(cluster.create(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("form", [
    "postgresql://owner@/{name}?host={root}",
    "postgres://owner@{escaped}/{name}",
    "host='{root}' user = owner dbname={name}",
])
def test_forms_of_the_url(cluster, form):
    name = cluster.create()
    url = form.format(name=name, root=cluster.root, escaped=str(cluster.root).replace("/", "%2F"))
    done = subprocess.run([SQL / "migrate"], env={"PATH": "/usr/bin:/bin", "DATABASE_URL": url},
                          text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_the_password_of_the_gateway(cluster, tmp_path):
    secret = "it's \"one\" $(of) `those`\\"
    file = tmp_path / "pass word"
    file.write_text(secret + "\n")
    name = cluster.create()

    def stored():
        connection = cluster.connect(name)
        cursor = connection.cursor()
        cursor.execute("select rolpassword from pg_authid where rolname = 'gate \"way'")
        password = cursor.fetchone()[0]
        connection.close()
        return password

    options = ["--gateway-role", 'gate "way', "--gateway-password-file", file]
    done = cluster.migrate(name, *options)
    assert done.returncode == 0, done.stderr
    assert verifies(stored(), secret)
    assert secret not in done.stdout + done.stderr

    assert cluster.migrate(name, "--gateway-role", 'gate "way').returncode == 0
    assert stored() is None


def verifies(verifier, password):
    """Whether a SCRAM-SHA-256 verifier (RFC 5803) is of that password."""
    import base64
    import hashlib
    import hmac

    iterations, salt, stored, _ = re.fullmatch(
        r"SCRAM-SHA-256\$(\d+):(.+)\$(.+):(.+)", verifier).groups()
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    key = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(key).digest() == base64.b64decode(stored)


def test_an_owner_who_is_no_superuser(cluster):
    cluster.execute("create role plain login createrole")
    name = cluster.create(owner="plain")
    for _ in range(2):
        done = cluster.migrate(name, "--gateway-role", "plain_gateway", user="plain")
        assert done.returncode == 0, done.stderr
    cluster.revert(name, user="plain")


@pytest.mark.parametrize("role", ["owner", "leadgen_gateway", "mighty"])
def test_roles_the_gateway_cannot_have(cluster, role):
    cluster.execute("drop role if exists mighty; create role mighty superuser")
    done = cluster.migrate(cluster.create(), "--gateway-role", role)
    assert done.returncode == 1
    assert "a role of its own" in done.stderr


@pytest.mark.parametrize("url, sentence", [
    ("host=/nowhere dbname=x", "could not connect to the database"),
    ("postgresql://u:hidden@127.0.0.1:21299/x", "could not connect to the database"),
    ("mysql://x", "can't read the connection string"),
    ("host='x", "can't read the connection string"),
])
def test_a_server_that_cannot_be_reached(url, sentence):
    done = subprocess.run([SQL / "migrate", url], text=True, capture_output=True)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "hidden" not in done.stdout + done.stderr


def test_an_encoding_that_is_not_utf8(cluster):
    cluster.execute("create database latin encoding latin1 template template0")
    done = cluster.migrate("latin")
    assert done.returncode == 1
    assert "UTF8" in done.stderr


def test_functions_that_fail_leave_the_old_ones(cluster, tmp_path):
    name = cluster.create()
    assert cluster.migrate(name).returncode == 0
    copy = tmp_path / "sql"
    subprocess.run(["cp", "-r", SQL, copy], check=True)
    (copy / "functions" / "users.sql").write_text("drop function api.me; select nonsense;")
    done = subprocess.run([copy / "migrate", cluster.dsn(name)], text=True, capture_output=True)
    assert done.returncode == 1
    assert "the ones from before are in place" in done.stderr

    connection = cluster.connect(name)
    connection.cursor().execute("select 'api.me'::regproc")
    connection.close()


def test_revert_and_deploy_again(cluster):
    name = cluster.create()
    assert cluster.migrate(name, "--gateway-role", "gateway").returncode == 0
    cluster.revert(name)

    connection = cluster.connect(name)
    cursor = connection.cursor()
    cursor.execute("""select n.nspname, relname from pg_class c join pg_namespace n on n.oid = relnamespace
                      where nspname in ('public', 'api', 'private')""")
    assert cursor.fetchall() == []
    connection.close()

    assert cluster.migrate(name, "--gateway-role", "gateway").returncode == 0
    database = Database(cluster, name)
    assert database.logs() == ([], None)
    database.close()


def test_a_session_from_before_refresh_tokens_had_a_table(cluster):
    name = cluster.create()
    assert cluster.migrate(name, "--gateway-role", "gateway").returncode == 0
    database = Database(cluster, name)
    _, token = database.login(database.create_user())

    cluster.revert(name, to="sessions")
    assert database.rows("select refresh_token_hash from public.sessions")[0][0].hex() == sha256(token)
    assert cluster.migrate(name, "--gateway-role", "gateway").returncode == 0
    assert database.call("refresh", request(refresh={
        "token_hash": sha256(token), "new_token_hash": sha256("next")}))[0] == 200
    database.close()
