"""What is new in the log since an event that somebody has before them."""

import psycopg2
import pytest
from conftest import event, refusal, request


def newer(database, **query):
    status, body, _, audited = database.call("audit_newer", request(query=query), on=database.gateway)
    assert (status, audited) == (200, False)
    return body


def test_what_is_newer_and_fits(database):
    sent = [event(sequence=n, action=action, resource_type="newer")
            for n, action in enumerate(("login", "logout", "login", "lead_created"))]
    database.ingest(*sent)
    ids = [str(one["id"]) for one in sent]
    assert newer(database, resource_type="newer") == {"count": 4, "more": False}
    assert newer(database, resource_type="newer", after=ids[1]) == {"count": 2, "more": False}
    assert newer(database, resource_type="newer", action="login", after=ids[0])["count"] == 1
    assert newer(database, resource_type="newer", after=ids[-1]) == {"count": 0, "more": False}


def test_reads_of_the_log_are_none(database):
    database.ingest(*(event(sequence=n, action="access_granted", resource_type="read", details='{"path": "%s"}' % path)
                      for n, path in enumerate(("/api/admin/audit-logs", "/api/admin/users"))))
    assert newer(database, resource_type="read") == {"count": 1, "more": False}


def test_many(database):
    database.ingest(*(event(sequence=n, action="login", resource_type="many") for n in range(60)))
    assert newer(database, resource_type="many") == {"count": 50, "more": True}


@pytest.mark.parametrize("query, field", [
    ({"after": "x"}, "after"), ({"limit": "5"}, "limit"), ({"cursor": "x"}, "cursor"), ({"action": "x"}, "action")])
def test_what_it_does_not_take(database, query, field):
    with pytest.raises(psycopg2.Error) as raised:
        newer(database, **query)
    code, _, errors = refusal(raised)
    assert code == "LG422" and [one["field"] for one in errors] == [field]
