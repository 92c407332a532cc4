"""Tokens while PostgreSQL is away: leadgen_revocation_max_stale says for how
long a gateway trusts them that hears of no revocations."""

import time

from conftest import another_gateway, database_away, wait_until

DIRECTIVE = "leadgen_revocation_max_stale 15s"


def profile(gateway, token):
    """A guarded route of which only the gateway could need PostgreSQL."""
    return gateway.request("GET", "/api/profile",
                           headers=[("Authorization", f"Bearer {token}")])


def test_revocations_get_stale(gateway):
    token = gateway.token("user")
    with another_gateway(gateway, "deny", f"{DIRECTIVE} deny;") as deny, \
            another_gateway(gateway, "allow", f"{DIRECTIVE} allow;") as allow:

        def statuses():
            return [profile(one, token).status
                    for one in (deny, allow, gateway)]

        assert statuses() == [200] * 3

        begin = time.monotonic()
        with database_away(gateway):
            wait_until(lambda: profile(deny, token).status != 200, 20, "refusal")
            # what was heard last may have been some seconds before
            assert time.monotonic() - begin >= 10
            assert statuses() == [503, 200, 200]

            answer = profile(deny, token)
            assert answer.json["type"].endswith("#problem-revocations-unknown")
            assert int(answer.headers["Retry-After"]) >= 1

            # what needs no token, and what has none, is as before
            assert deny.request("GET", "/api/public/x").status == (
                allow.request("GET", "/api/public/x").status)
            assert deny.request("GET", "/api/profile").status == 401

        wait_until(lambda: statuses() == [200] * 3, 10, "trust again")
