"""send_campaign_email: one mail for each lead, once."""

import base64
import hmac
import uuid

import psycopg2
import pytest
from conftest import KEY

from app.core import database as worker_database, settings, tokens
from app.core.errors import Failure, TryAgain
from app.mail import compose, message, suppression


@pytest.fixture
def campaign(database):
    return database.campaign()


def statuses(database):
    return [status for status, in database.rows("select status from mail.messages order by created_at")]


def test_a_mail(database, sink, campaign):
    lead = database.lead(campaign, "ann@lead.example")
    done = message.send(campaign, lead)
    assert done["status"] == "sent"

    (mail,) = sink.mails
    number = uuid.UUID(done["message"])
    assert mail["From"] == "Leadgen <hello@sender.example>"
    assert mail["To"] == "ann@lead.example"
    assert mail["Subject"] == "For Blue Harbor"
    assert mail["Message-ID"] == f"<{number}@sender.example>"
    assert mail.sender == f"bounces+{number.hex}@sender.example"
    url = f"https://go.example/t/u/{tokens.sign('unsubscribe', number)}"
    assert f"\r\nList-Unsubscribe: <{url}>,\r\n <mailto:{mail.sender}?subject=unsubscribe>\r\n" in mail.raw
    assert "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in mail.raw
    text = mail.get_body(("plain",)).get_content()
    page = mail.get_body(("html",)).get_content()
    assert text.startswith("Hello Ann,")
    assert "<p>Hello Ann,</p>" in page
    link = f"https://go.example/t/c/{tokens.sign('click', number, 'https://shop.example/a?b=1&c=2')}"
    assert link in text and f'href="{link}"' in page
    assert f'src="https://go.example/t/o/{tokens.sign("open", number)}.gif"' in page
    assert database.rows("select status, recipient, subject, attempts, sent_at is not null, error"
                         " from mail.messages") == [("sent", "ann@lead.example", "For Blue Harbor", 1, True, None)]


def test_once_for_each_lead(database, sink, campaign):
    lead = database.lead(campaign)
    first = message.send(campaign, lead)
    assert message.send(campaign, lead) == {**first, "repeated": True}
    message.send(campaign, database.lead(campaign))
    assert len(sink.mails) == 2


def test_nobody_sends_it_beside_another(database, sink, campaign):
    lead = database.lead(campaign)
    database.rows("select pg_advisory_lock(hashtextextended(%s, 7))", f"mail campaign {campaign} {lead}")
    with pytest.raises(TryAgain):
        message.send(campaign, lead)
    assert sink.mails == []


@pytest.mark.parametrize("address, code", [("code-550", 550), ("code-551", 551)])
def test_an_address_that_is_refused_gets_no_more(database, sink, campaign, address, code):
    lead = database.lead(campaign, f"{address}@Lead.example")
    done = message.send(campaign, lead)
    assert done["status"] == "rejected" and str(code) in done["error"]
    assert suppression.reason(f"{address}@lead.example") == "bounced"
    other = database.campaign()
    database.rows("update app.leads set campaign_id = %s", other)
    assert message.send(other, lead)["status"] == "suppressed"


@pytest.mark.parametrize("address", ["code-550_5.7.1_policy", "data-554"])
def test_a_mail_that_is_refused_says_nothing_about_the_address(database, sink, campaign, address):
    lead = database.lead(campaign, f"{address}@lead.example")
    assert message.send(campaign, lead)["status"] == "rejected"
    assert database.rows("select address from mail.suppressions") == []


@pytest.mark.parametrize("address", ["first-450", "first-421"])
def test_later_means_later(database, sink, campaign, address):
    lead = database.lead(campaign, f"{address}@lead.example")
    with pytest.raises(TryAgain, match=address[-3:]):
        message.send(campaign, lead)
    assert statuses(database) == ["new"]
    assert message.send(campaign, lead)["status"] == "sent"
    assert len(sink.mails) == 1


def test_not_now_after_the_dot_means_later(database, sink, campaign):
    lead = database.lead(campaign, "data-452@lead.example")
    with pytest.raises(TryAgain, match="452"):
        message.send(campaign, lead)
    assert statuses(database) == ["new"]


def test_away(database, sink, campaign, monkeypatch):
    monkeypatch.setattr(settings, "SMTP_URL", "smtp://127.0.0.1:1")
    with pytest.raises(TryAgain, match="away"):
        message.send(campaign, database.lead(campaign))


def test_no_password_without_encryption(database, sink, campaign, monkeypatch):
    monkeypatch.setattr(settings, "SMTP_URL", f"smtp://me:secret@127.0.0.1:{sink.port}")
    with pytest.raises(Failure, match="offers no encryption") as raised:
        message.send(campaign, database.lead(campaign))
    assert "secret" not in str(raised.value) and sink.mails == []


def test_died_at_the_very_end(database, sink, campaign):
    """Between the dot and what the server says to it nobody can tell."""
    lead = database.lead(campaign)
    message.take(campaign, lead, "campaign", "x@lead.example")
    database.rows("update mail.messages set status = 'handed'")
    assert message.send(campaign, lead)["certain"] is False
    assert sink.mails == []
    assert statuses(database) == ["sent"]


def test_suppressed(database, sink, campaign):
    lead = database.lead(campaign, "Ann@lead.example")
    suppression.add("ann@LEAD.example", "unsubscribed")
    assert message.send(campaign, lead)["status"] == "suppressed"
    assert sink.mails == []


def test_who_is_not_there(database, sink, campaign):
    other = database.campaign()
    with pytest.raises(Failure, match="There is no campaign 99"):
        message.send(99, database.lead(campaign))
    with pytest.raises(Failure, match="There is no lead 99"):
        message.send(campaign, 99)
    with pytest.raises(Failure, match="does not belong"):
        message.send(other, database.lead(campaign))


@pytest.mark.parametrize("subject, body, text", [
    ("Hi {{ nickname }}", "x", "nickname"), ("Hi {{", "x", "unexpected"), ("{{ '' }}", "x", "no subject"),
    ("Hi", "{{ first_name.__class__ }}", "unsafe"), ("Hi", "{% for i in range(9) %}x{% endfor %}", "range"),
    ("Hi", "{{ first_name * 10000000 }}", "longer"), ("Hi", "{{ 1 / 0 }}", "ZeroDivision"), ("Hi", " ", "no text"),
    ("Hi", "{{ [].append(1) }}", "unsafe"), ("Hi", "{{ self._TemplateReference__context }}", "unsafe|undefined")])
def test_bad_templates(database, sink, subject, body, text):
    campaign = database.campaign(subject, body)
    with pytest.raises(Failure, match=text):
        message.send(campaign, database.lead(campaign))
    assert sink.mails == []


@pytest.mark.parametrize("address", ["", "ann", "ann@x\r\nBcc: eve@x", "a b@c", "<a@b>", "a@b,c@d", "a..b@c"])
def test_bad_addresses(database, sink, campaign, address):
    with pytest.raises(Failure, match="not an e-mail address"):
        message.send(campaign, database.lead(campaign, address or " "))
    assert sink.mails == []


def test_what_leads_are_called_stays_text(database, sink):
    campaign = database.campaign("To {{ first_name }}", "Dear {{ first_name }}")
    message.send(campaign, database.lead(campaign, first_name="<b>A</b>\r\nBcc: eve@x {{ 7 * 7 }}"))
    (mail,) = sink.mails
    assert mail["Bcc"] is None
    assert "&lt;b&gt;A&lt;/b&gt;" in mail.get_body(("html",)).get_content()
    assert "{{ 7 * 7 }}" in mail["Subject"]


def test_html_of_their_own(database, sink, campaign):
    values = {"id": 1, "name": "Spring", "subject": "S", "body": "T",
              "html": '<p>{{ first_name }}</p><a class="x" href="https://a.example/?q=1&amp;r=2">a</a>'
                      '<a href="mailto:x@y">m</a>'}
    number = uuid.uuid4()
    mail = compose.compose(number, values, {"id": 1, "email": "a@b.example", "first_name": "<i>"})
    page = mail.get_body(("html",)).get_content()
    assert "<p>&lt;i&gt;</p>" in page
    assert tokens.sign("click", number, "https://a.example/?q=1&r=2") in page
    assert 'href="mailto:x@y"' in page


def test_a_link_to_unsubscribe_is_no_click(database, sink):
    campaign = database.campaign("S", "No more? {{ unsubscribe_url }}")
    done = message.send(campaign, database.lead(campaign))
    url = f"https://go.example/t/u/{tokens.sign('unsubscribe', uuid.UUID(done['message']))}"
    (mail,) = sink.mails
    assert mail.get_body(("plain",)).get_content().strip() == f"No more? {url}"
    assert f'<a href="{url}">' in mail.get_body(("html",)).get_content()


def test_one_click_is_for_https(database, sink, campaign, monkeypatch):
    monkeypatch.setattr(settings, "PUBLIC_URL", "http://127.0.0.1:8000")
    message.send(campaign, database.lead(campaign))
    assert "<http://127.0.0.1:8000/t/u/" in sink.mails[0].raw
    assert sink.mails[0]["List-Unsubscribe-Post"] is None


def test_without_a_key_nothing_is_tracked(database, sink, campaign, monkeypatch):
    monkeypatch.setattr(settings, "TRACKING_KEY", "")
    message.send(campaign, database.lead(campaign))
    assert "go.example" not in sink.mails[0].as_string()
    assert "https://shop.example/a?b=1&c=2" in sink.mails[0].get_body(("plain",)).get_content()


def test_addresses_beyond_ascii(database, sink, campaign):
    lead = database.lead(campaign, "zoë@lead.example")
    assert message.send(campaign, lead)["status"] == "sent"
    assert sink.mails[0].recipients == ["zoë@lead.example"]


def test_tokens():
    """As the gateway's README has them."""
    number = uuid.UUID("018f0000-0000-7000-8000-000000000001")
    token = tokens.sign("click", number, "https://a.example/ü")
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert raw[16:] == b"\x01" + number.bytes + "https://a.example/ü".encode()
    assert raw[:16] == hmac.digest(KEY.encode(), b"c" + raw[16:], "sha256")[:16]
    assert tokens.sign("open", number) != tokens.sign("click", number)


def test_the_worker_s_rights(database):
    """Its own tables, two of the application's to read, functions of schema job; nothing else."""
    worker = database.connect("worker")
    for statement in ("select from public.users", "select from public.jobs", "update app.leads set score = 1",
                      "select from app.teams", "create table mail.t ()", "truncate mail.messages",
                      "select private.audit_partitions()", "select api.me('{}')"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            database.rows(statement, on=worker)
    assert worker_database.rows("select id from app.leads") == []
