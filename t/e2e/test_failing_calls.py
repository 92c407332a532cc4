"""Each call of the module's to others fails once, the first, the second and so
on, while a request is judged: none gets by for that, and no worker ends."""

import mmap
import os
import pathlib
import signal
import struct
import subprocess
import tempfile
import threading

import jwt
import pytest

from auditing import KEY, Auditing, assert_recorded_once
from conftest import BUILD, ROOT

# what they return when they fail
NOTHING = """
    ngx_alloc ngx_calloc ngx_palloc ngx_pnalloc ngx_pcalloc ngx_pstrdup
    ngx_array_create ngx_array_push ngx_list_push ngx_create_pool
    ngx_create_temp_buf ngx_alloc_chain_link ngx_pool_cleanup_add
    EVP_MAC_CTX_new EVP_MAC_init EVP_MAC_update EVP_MAC_final
    EVP_MD_CTX_new EVP_MD_CTX_copy_ex EVP_DigestVerifyInit_ex EVP_DigestVerify
    EVP_DigestSignInit_ex EVP_DigestSign HMAC SHA256
    BN_bin2bn ECDSA_SIG_new ECDSA_SIG_set0 i2d_ECDSA_SIG
    json_loadb json_object json_array json_integer json_stringn json_null
    json_string
    PQsendQueryParams PQsendQueryPrepared PQpipelineSync redisAsyncCommandArgv
"""
MINUS_ONE = """
    json_object_set_new json_object_setn_new json_array_append_new
    ngx_http_read_client_request_body ngx_thread_task_post PQflush
"""

UPSTREAM = """
    location /api/strict { access_log upstream.log; return 200 '{"id":"7"}'; }
    location /api/open { access_log upstream.log; return 200 '{}'; }
"""
SERVER = """
    location /api/auth  { leadgen_api; }
    location /api/admin { leadgen_api; }
"""


class Failing(Auditing):
    """An nginx whose module's calls fail as told."""

    def __init__(self, gateway, place):
        self.place = place
        (place / "failing").write_bytes(bytes(64))
        with open(place / "failing", "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 64)
        self.arm(-1)
        os.environ["FAILING_CALLS"] = str(place / "failing")
        super().__init__(gateway, workers=1, upstream=UPSTREAM, server=SERVER,
                         module=place / "module.so",
                         main="env FAILING_CALLS;"
                         + ("user root;" if os.geteuid() == 0 else ""))

    def arm(self, at):
        self.map[:64] = struct.pack("=qq48s", at, 0, b"")

    def disarm(self):
        """How many calls there were, and which one failed."""
        _, count, name = struct.unpack("=qq48s", self.map[:64])
        self.arm(-1)
        return count, name.rstrip(b"\0").decode()

    def ask(self, method, path, token=None, body=None):
        """(status, request id); None for a connection that was cut off."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body:
            headers["Content-Type"] = "application/json"
        try:
            status, request_id, _ = self.request(method, path, body,
                                                 headers=headers)
        except OSError:
            return None, None
        return status, request_id

    def served(self):
        log = pathlib.Path(self.directory / "upstream.log")
        return len(log.read_text().splitlines()) if log.exists() else 0


def link(place):
    names = [(name, 0) for name in NOTHING.split()]
    names += [(name, -1) for name in MINUS_ONE.split()]
    (place / "wraps.c").write_text(
        f'#include "{ROOT}/t/e2e/failing_calls.h"\n'
        + "".join(f"FAILING({name}, {value})\n" for name, value in names))
    libraries = "pq hiredis jansson crypto crypt curl z".split()
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-g", "-fno-builtin",
         "-o", place / "module.so", place / "wraps.c",
         *sorted((BUILD / "addon").rglob("*.o")),
         BUILD / "ngx_leadgen_module_modules.o",
         *[f"-Wl,--wrap={name}" for name, _ in names],
         *[f"-l{library}" for library in libraries]], check=True)


@pytest.fixture(scope="module")
def failing(gateway):
    with tempfile.TemporaryDirectory(prefix="leadgen-failing-") as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        link(place)
        with Failing(gateway, place) as nginx:
            yield nginx


def tokens(nginx, role, key=KEY):
    """A token that was never seen, each time; and one that is known."""
    payload = jwt.decode(nginx.token(role), options={"verify_signature": False})
    while True:
        payload["n"] = payload.get("n", 0) + 1
        yield jwt.encode(payload, key, algorithm="HS256",
                         headers={"kid": "test"})


def nobody(nginx):
    while True:
        yield None


def forged(nginx):
    return tokens(nginx, "admin", "another key, thirty-two bytes or more")


def user(nginx):
    return tokens(nginx, "user")


def known_user(nginx):
    while True:
        yield nginx.token("user")


def admin(nginx):
    return tokens(nginx, "admin")


def known_admin(nginx):
    while True:
        yield nginx.token("admin")


def each_call(nginx, ask):
    """Asks once with each call failing: [(status, request id, what failed)].
    What failed is none where an answer was waited for elsewhere meanwhile."""
    ask()
    nginx.arm(0)
    ask()
    calls, _ = nginx.disarm()
    assert calls > 5
    worker = nginx.workers()
    answers = []
    for n in range(1, calls + 1):
        nginx.arm(n)
        status, request_id = ask()
        _, name = nginx.disarm()
        assert nginx.workers() == worker, (name, nginx.errors()[-2000:])
        answers.append((status, request_id, name))
    return answers


LOGIN = b'{"email":"nobody@example.com","password":"not the right one"}'


@pytest.mark.parametrize("who,method,path,body", [
    (nobody, "GET", "/api/open/1", None),
    (forged, "GET", "/api/open/1", None),
    (forged, "DELETE", "/api/strict/1", None),
    (user, "DELETE", "/api/strict/1", None),
    (known_user, "DELETE", "/api/strict/1", None),
    (user, "GET", "/api/none", None),
    (user, "GET", "/api/admin/users", None),
    (known_user, "GET", "/api/admin/audit-logs", None),
    (nobody, "GET", "/api/auth/me", None),
    (nobody, "POST", "/api/auth/login", LOGIN),
], ids=lambda value: getattr(value, "__name__", None))
def test_nobody_gets_by(failing, who, method, path, body):
    given = who(failing)
    served = failing.served()
    answers = each_call(
        failing, lambda: failing.ask(method, path, next(given), body))
    assert all(status is None or status >= 400 for status, _, _ in answers)
    assert failing.served() == served


def test_calls_fail(failing):
    """The linker put itself between."""
    given = admin(failing)
    answers = each_call(
        failing, lambda: failing.ask("DELETE", "/api/strict/1", next(given)))
    failed = {name: status for status, _, name in answers}
    assert {"ngx_pnalloc", "ngx_pcalloc", "json_loadb", "EVP_MAC_final",
            "EVP_MAC_init"} <= failed.keys()
    assert failed["EVP_MAC_final"] in (401, 500, 503)


@pytest.mark.parametrize("who,method,path", [
    (admin, "DELETE", "/api/strict/1"),
    (known_admin, "DELETE", "/api/strict/1"),
    (nobody, "POST", "/api/strict/1"),
    (nobody, "GET", "/api/strict/1"),
], ids=lambda value: getattr(value, "__name__", None))
def test_what_was_answered_is_recorded(gateway, failing, who, method, path):
    given = who(failing)
    answers = each_call(failing,
                        lambda: failing.ask(method, path, next(given)))
    assert {status for status, _, _ in answers} <= {200, 401, 500, 502, 503,
                                                   None}
    assert_recorded_once(gateway, [request_id for status, request_id, _ in answers
                                   if status == 200])
    assert failing.ask(method, path, next(given))[0] == 200


def zone(pid, size):
    """Where shared memory of that size begins."""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        begin, end = (int(word, 16) for word in line.split()[0].split("-"))
        if end - begin == size and line.split()[1] == "rw-s":
            return begin
    raise AssertionError(f"{pid} has no zone of {size} bytes")


def test_a_worker_dies_with_the_lock(gateway):
    """A zone begins with its lock, which is the pid of who has it."""
    with Auditing(gateway, workers=2, server=SERVER) as nginx:
        one, other = nginx.workers()
        os.kill(one, signal.SIGSTOP)
        with open(f"/proc/{one}/mem", "r+b", buffering=0) as memory:
            memory.seek(zone(one, 1 << 20))
            assert memory.read(8) == bytes(8)
            memory.seek(zone(one, 1 << 20))
            memory.write(struct.pack("=q", one))

        answers = []
        asking = threading.Thread(target=lambda: answers.append(nginx.request(
            "POST", "/api/auth/login", LOGIN,
            headers={"Content-Type": "application/json"})))
        asking.start()
        asking.join(0.5)
        assert not answers                      # it has the lock indeed
        os.kill(one, signal.SIGKILL)
        asking.join(20)
        assert [status for status, _, _ in answers] == [401]
        assert other in nginx.workers()
