"""What the throttle guards besides logging in: changing a password, asking for
a reset, and its link."""

import contextlib
import http.client
import itertools
import os
import pathlib
import re
import time

import pytest

from conftest import wait_until

PASSWORD = "the right password"
numbers = itertools.count(1)


@pytest.fixture
def network():
    """A client's address in a network of its own."""
    return f"127.9.{next(numbers)}.1"


def post(gateway, source, path, body, token=None):
    connection = http.client.HTTPConnection(
        "127.0.0.1", gateway.port, timeout=20, source_address=(source, 0))
    headers = [("Authorization", f"Bearer {token}")] if token else []
    try:
        return gateway.request("POST", f"/api/auth/{path}", body=body,
                               headers=headers, connection=connection)
    finally:
        connection.close()


def log_in(gateway, source, email, password=PASSWORD):
    return post(gateway, source, "login",
                {"email": email, "password": password})


@pytest.fixture
def email(gateway):
    """The address of a new user, who is deleted at the end."""
    address = f"guessing-{os.urandom(4).hex()}@example.com"
    user = gateway.request(
        "POST", "/api/admin/users", "admin",
        {"email": address, "name": "x", "password": PASSWORD, "role": "user"})
    assert user.status == 201, user.body
    yield address
    gateway.request("DELETE", user.headers["Location"], "admin")


def throttled(answer, seconds):
    return (answer.status == 429
            and 1 <= int(answer.headers["Retry-After"]) <= seconds
            and answer.json["type"].endswith("#problem-throttled"))


def test_current_passwords_count(gateway, email, network):
    """Together with those of logins, and what was right before is forgotten."""
    token = log_in(gateway, network, email).json["access_token"]

    def change(current):
        return post(gateway, network, "password", {
            "current_password": current, "new_password": PASSWORD}, token)

    assert log_in(gateway, network, email, "a wrong one").status == 401
    made = [change("a wrong one").status for _ in range(4)]
    assert made == [422] * 4
    assert throttled(change(PASSWORD), 1)
    assert throttled(log_in(gateway, network, email), 1)

    time.sleep(1.1)
    answer = change(PASSWORD)
    assert answer.status == 200, answer.body
    token = answer.json["access_token"]
    made = [change("a wrong one").status for _ in range(5)]
    assert made == [422] * 5
    assert throttled(change(PASSWORD), 1)


def test_resets_count_for_everybody_alike(gateway, email, network):
    def ask(address, source=network):
        return post(gateway, source, "password-reset", {"email": address})

    for address in (email, f"x{email}"):
        made = [ask(address) for _ in range(5)]
        assert {(answer.status, answer.body) for answer in made} == {
            (202, b"{}")}
        assert throttled(ask(address), 1)
        wide = "".join(chr(ord(c) + 0xfee0) if c.isalnum() else c
                       for c in address)
        assert throttled(ask(wide), 1)

        # another network may, and nobody's password is harder to say
        assert ask(address, f"127.9.{next(numbers)}.1").status == 202

    assert log_in(gateway, network, email).status == 200


def cpu(gateway):
    """Seconds that all workers have computed."""
    ticks = sum(int(n) for pid in gateway.workers() for n in pathlib.Path(
        f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_links_are_not_guessed(gateway, network):
    """Made-up tokens cost no hashing, and a network has some only."""
    def confirm(token):
        return post(gateway, network, "password-reset/confirm",
                    {"token": token, "password": PASSWORD})

    begin = cpu(gateway)
    made = [confirm(f"token{number}").status for number in range(60)]
    assert made == [422] * 60
    assert cpu(gateway) - begin < 60 * 0.008
    assert throttled(confirm("one more"), 10)


def test_a_link_works_after_guesses(gateway, email, network):
    post(gateway, network, "password-reset", {"email": email})

    def mails():
        return [text for text in (path.read_text() for path in (
            gateway.run / "mail" / "new").iterdir()) if f"To: {email}" in text]

    wait_until(mails, 10, "mail")
    token, = re.findall(r"password-reset\?token=([\w-]+)", mails()[0])
    for number in range(5):
        assert post(gateway, network, "password-reset/confirm", {
            "token": f"{token[:-1]}", "password": PASSWORD}).status == 422
    answer = post(gateway, network, "password-reset/confirm",
                  {"token": token, "password": "by mail alone"})
    assert answer.status == 204, answer.body
    assert log_in(gateway, network, email, "by mail alone").status == 200


def restart(gateway):
    def written():
        return max((path.stat().st_mtime_ns for path in
                    gateway.run.rglob("attempts.snapshot")), default=0)

    # the first may have begun before what was counted last
    for _ in range(2):
        before = written()
        log_in(gateway, "127.9.250.1", "nobody@example.com", "x")
        wait_until(lambda before=before: written() > before, 10, "snapshot")
    gateway.supervisor("restart", "nginx")

    def is_ready():
        with contextlib.suppress(OSError):
            return gateway.request("GET", "/api/health/readiness").status == 200

    wait_until(is_ready, 30, "nginx")


def test_known_networks_survive_a_restart(gateway, email, network):
    """And so does what strangers have used up: they gain nothing by it, and
    lock nobody out whose network was known before."""
    assert log_in(gateway, network, email).status == 200
    restart(gateway)

    made = [log_in(gateway, f"127.10.{n}.1", email, "x").status
            for n in range(60)]
    assert made.count(401) >= 45 and made[-1] == 429, made
    assert log_in(gateway, network, email).status == 200

    restart(gateway)
    # of the fifty one is forgiven every 72 seconds
    assert 429 in [log_in(gateway, f"127.11.{n}.1", email).status
                   for n in range(5)]
    assert log_in(gateway, network, email).status == 200
