"""process_email_bounces: what mail servers sent back, of seven kinds of them."""

import collections
import mailbox
import uuid

import pytest
from imap import Server
from reports import OURS, reports

from app.core import settings
from app.core.errors import Failure, TryAgain
from app.mail import bounces, report, suppression

ALL = list(reports())


def test_there_are_enough():
    assert len(ALL) >= 50
    assert len({name.split("-")[0] for name, *_ in ALL}) >= 7
    assert set(collections.Counter(kind for _, _, kind, _, _ in ALL)) == {"hard", "soft", "delayed", "unparsable"}


@pytest.mark.parametrize("name, raw, kind, message, to", ALL, ids=[name for name, *_ in ALL])
def test_is_told_apart(name, raw, kind, message, to):
    verdict = report.parse(raw)
    assert verdict.kind == kind, verdict
    if kind != "unparsable":
        assert verdict.message == message
        assert verdict.recipient == to


@pytest.fixture
def box(database, tmp_path, monkeypatch):
    box = mailbox.Maildir(tmp_path / "box", create=True)
    monkeypatch.setattr(settings, "BOUNCE_MAILBOX", f"maildir:{tmp_path / 'box'}")
    return box


def sent(database, message=None, recipient="ann@lead.example", campaign=1):
    return database.value(
        "insert into mail.messages (id, campaign_id, lead_id, kind, recipient, status, sent_at) values"
        " (coalesce(%s, gen_random_uuid()), %s, (random() * 1e12)::bigint, 'campaign', %s, 'sent', now()) returning id",
        message, campaign, recipient)


def state(database):
    return (database.rows("select id, status from mail.messages order by id"),
            database.rows("select id, message_id, kind from mail.email_events order by id"),
            database.rows("select address, reason from mail.suppressions order by address"))


def deliver(database, box):
    for _, raw, _, message, to in ALL:
        sent(database, message, to or "x@lead.example")
        box.add(raw)


def test_a_mailbox(database, box):
    deliver(database, box)
    counts = bounces.process()
    expected = collections.Counter(kind for _, _, kind, _, _ in ALL)
    assert counts == {"read": len(ALL), **expected}
    assert dict(database.rows("select kind, count(*) from mail.email_events group by 1")) == {
        "bounce": expected["hard"], "soft_bounce": expected["soft"], "delay": expected["delayed"]}
    hard = sorted(to for _, _, kind, _, to in ALL if kind == "hard")
    assert [address for address, in database.rows("select address from mail.suppressions order by 1")] == hard
    assert database.value("select count(*) from mail.messages where status = 'bounced'") == expected["hard"]

    flags = collections.Counter(message.get_flags() for message in box)
    assert flags == {"S": len(ALL) - expected["unparsable"], "FS": expected["unparsable"]}
    assert bounces.process() == {"read": 0}


def test_as_many_as_asked_for(database, box):
    deliver(database, box)
    assert bounces.process(10)["read"] == 10
    assert bounces.process(1000)["read"] == len(ALL) - 10


def test_the_same_report_again(database, box):
    deliver(database, box)
    bounces.process()
    before = state(database)
    for _, raw, *_ in ALL:
        box.add(raw)
    bounces.process()
    assert state(database) == before


def test_nobody_declares_another_s_address_dead(database, box):
    sent(database, recipient="victim@lead.example")
    for name, raw, kind, *_ in ALL:
        if kind == "hard":
            box.add(raw.replace(b"postfix.unknown@lead.example", b"victim@lead.example"))
    counts = bounces.process()
    assert counts["unknown"] == counts["read"] > 0
    assert suppression.reason("victim@lead.example") is None


def test_soft_three_times_is_hard(database, box):
    raw = next(raw for name, raw, *_ in ALL if name == "ses-full")
    old = uuid.uuid5(uuid.NAMESPACE_DNS, "ses full").hex
    for number in range(3):
        assert suppression.reason("ann@lead.example") is None
        message = sent(database, campaign=number)
        box.add(raw.replace(old.encode(), message.hex.encode()))
        assert bounces.process()["soft"] == 1
    assert suppression.reason("ann@lead.example") == "bounced"


@pytest.mark.parametrize("subject, headers, kind, reason, event", [
    ("unsubscribe", "", "unsubscribe", "unsubscribed", "unsubscribe"),
    ("Re: Offer", "In-Reply-To: <{id}@x>\n", "answer", None, "reply"),
    ("Out of office", "Auto-Submitted: auto-replied\nIn-Reply-To: <{id}@x>\n", "automatic", None, None)])
def test_what_people_write(database, box, subject, headers, kind, reason, event):
    message = sent(database)
    box.add((f"From: ann@lead.example\nTo: bounces+{message.hex}@{OURS}\nSubject: {subject}\n"
             + headers.format(id=message) + "\nHello\n").encode())
    assert bounces.process() == {"read": 1, kind: 1}
    assert suppression.reason("ann@lead.example") == reason
    assert database.rows("select kind from mail.email_events") == ([(event,)] if event else [])


def test_a_complaint(database, box):
    message = sent(database)
    box.add((f"From: fbl@isp.example\nTo: fbl@{OURS}\nMIME-Version: 1.0\n"
             "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n"
             "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n\n--b\n"
             f"Content-Type: message/rfc822\n\nMessage-ID: <{message}@{OURS}>\nSubject: Offer\n\nx\n--b--\n").encode())
    assert bounces.process() == {"read": 1, "complaint": 1}
    assert suppression.reason("ann@lead.example") == "complained"


@pytest.mark.parametrize("value, text", [("", "no mailbox"), ("maildir:/nowhere", "not a Maildir"), ("pop3://x", "neither")])
def test_no_mailbox(database, monkeypatch, value, text):
    monkeypatch.setattr(settings, "BOUNCE_MAILBOX", value)
    with pytest.raises(Failure, match=text):
        bounces.process()


@pytest.fixture
def imap(database):
    server = Server([raw for _, raw, *_ in ALL])
    yield server
    server.shutdown()
    server.server_close()


def test_an_imap_mailbox(database, imap, monkeypatch):
    url = f"imap://me:secret@127.0.0.1:{imap.server_address[1]}/"
    monkeypatch.setattr(settings, "BOUNCE_MAILBOX", url + "Bounces")
    for _, _, _, message, to in ALL:
        sent(database, message, to or "x@lead.example")
    assert bounces.process() == {"read": len(ALL), **collections.Counter(kind for _, _, kind, _, _ in ALL)}
    assert all(flags == ({r"\Seen", r"\Flagged"} if kind == "unparsable" else {r"\Seen"})
               for (_, flags), (_, _, kind, _, _) in zip(imap.mails, ALL))
    assert bounces.process() == {"read": 0}

    monkeypatch.setattr(settings, "BOUNCE_MAILBOX", url + "Elsewhere")
    with pytest.raises(Failure, match="no such folder"):
        bounces.process()
    monkeypatch.setattr(settings, "BOUNCE_MAILBOX", url.replace("secret", "wrong") + "Bounces")
    with pytest.raises(TryAgain, match="can't be opened") as raised:
        bounces.process()
    assert "wrong" not in str(raised.value)
