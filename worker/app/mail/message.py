"""One mail to one lead: table mail.messages says how far it is, so that it is
never sent twice, whoever asks and however often."""

import logging

from ..core import database, source
from ..core.errors import Failure, TryAgain
from . import compose, deliver, suppression

log = logging.getLogger(__name__)

OVER = ("sent", "rejected", "suppressed", "bounced")


def send(campaign_id, lead_id, kind="campaign", **texts):
    """Sends a campaign's mail to a lead, unless that was done before.

    kind   campaign or followup: each once
    texts  of compose.compose(), for another mail than the campaign's own
    Returns {"message", "status"}; "certain" is false when a worker died at the
    very end, so that nobody can tell.
    """
    campaign = source.campaign(campaign_id)
    lead = source.lead_of(campaign_id, lead_id)
    with database.lock(f"mail {kind} {campaign_id} {lead_id}"):
        message = take(campaign_id, lead_id, kind, lead["email"])
        if message["status"] in OVER:
            return told(message, repeated=True)
        if message["status"] == "handed":
            log.warning("it can't be told whether a mail is out",
                        extra={"fields": {"message_id": message["id"]}})
            mark(message, "sent", "the worker died while the mail server took it")
            return told(message, certain=False)
        if suppression.reason(lead["email"]):
            mark(message, "suppressed", "the address is suppressed")
            return told(message)
        return attempt(message, campaign, lead, texts)


def take(campaign_id, lead_id, kind, recipient):
    """The row of this mail, made when there is none."""
    database.rows(
        "insert into mail.messages (campaign_id, lead_id, kind, recipient)"
        " values (%s, %s, %s, %s) on conflict (campaign_id, lead_id, kind) do nothing",
        campaign_id, lead_id, kind, recipient)
    return database.row(
        "update mail.messages set attempts = attempts"
        " + case when status = 'new' then 1 else 0 end"
        " where campaign_id = %s and lead_id = %s and kind = %s"
        " returning id, status, recipient", campaign_id, lead_id, kind)


def attempt(message, campaign, lead, texts):
    mail = compose.compose(message["id"], campaign, lead, **texts)
    try:
        deliver.send(mail, compose.sender(message["id"]),
                     before_end=lambda: mark(message, "handed"))
    except deliver.Unknown as error:
        raise Failure(str(error)) from error
    except deliver.Rejected as error:
        with database.transaction():
            mark(message, "rejected", str(error))
            if error.is_recipient:
                suppression.add(lead["email"], "bounced", message["id"], str(error))
        return told(message, error=str(error))
    except TryAgain:
        # the server said so after the dot: it does not have it
        database.rows("update mail.messages set status = 'new'"
                      " where id = %s and status = 'handed'", message["id"])
        raise
    mark(message, "sent", subject=str(mail["Subject"]))
    return told(message)


def mark(message, status, error=None, subject=None):
    database.rows(
        "update mail.messages set status = %s, error = %s,"
        " subject = coalesce(%s, subject), sent_at = case when %s = 'sent'"
        " then coalesce(sent_at, now()) else sent_at end,"
        " changed_at = now() where id = %s",
        status, error, subject, status, message["id"])
    message["status"] = status


def told(message, **more):
    return {"message": str(message["id"]), "status": message["status"], **more}
