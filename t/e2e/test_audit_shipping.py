"""PostgreSQL refuses what is shipped to it: nothing is lost, one event holds up
no other, and nobody is asked all the time."""

import contextlib
import json
import time

import pytest

from auditing import LONG, Auditing, assert_recorded_once
from conftest import wait_until


@contextlib.contextmanager
def refusing(gateway, code, condition="true"):
    """Rows of this test's are refused with a SQLSTATE; yields how often so far,
    which no rollback undoes."""
    gateway.sql(f"""
        create sequence public.tries;
        create function public.refuse_rows() returns trigger language plpgsql security definer as $$
        begin
            if new.action = 'lead_created' and {condition} then
                perform nextval('public.tries');
                raise exception 'refused' using errcode = '{code}';
            end if;
            return new;
        end $$;
        create trigger refuse_rows before insert on public.audit_logs
        for each row execute function public.refuse_rows()""")
    try:
        yield lambda: gateway.sql("select case when is_called then last_value else 0 end from public.tries")[0][0]
    finally:
        gateway.sql("drop trigger refuse_rows on public.audit_logs; drop function public.refuse_rows();"
                    "drop sequence public.tries")


# disk full, too many connections, read-only
@pytest.mark.parametrize("code", ["53100", "53300", "25006"])
def test_nothing_is_lost_and_nobody_pesters(gateway, code):
    with Auditing(gateway, workers=1) as nginx:
        with refusing(gateway, code) as tries:
            ids = [nginx.request("POST", f"/api/strict/{n}")[1] for n in range(20)]
            time.sleep(4 if LONG else 2)
            asked = tries()
            assert 1 <= asked <= 8, asked
            assert gateway.rows(ids) == {}
        assert_recorded_once(gateway, ids, 12 if LONG else 30)


def test_one_that_is_never_taken_holds_up_no_other(gateway):
    with Auditing(gateway, workers=1) as nginx:
        with refusing(gateway, "22P05", "strpos(new.details ->> 'path', 'poison') > 0"):
            before = [nginx.request("POST", f"/api/strict/{n}")[1] for n in range(60)]
            _, poison, _ = nginx.request("POST", "/api/strict/poison")
            after = [nginx.request("POST", f"/api/strict/{n}")[1] for n in range(60)]
            assert_recorded_once(gateway, before + after, 5)
            dead = nginx.spool / "audit.dead"
            wait_until(dead.exists, 5, "a dead letter")
        letter, = map(json.loads, dead.read_text().splitlines())
        assert (letter["event"]["id"], letter["code"], letter["reason"]) == (poison, "22P05", "refused")
        assert gateway.rows([poison]) == {}
