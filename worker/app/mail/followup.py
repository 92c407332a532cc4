"""A reminder to a lead that did not react to a campaign's mail."""

import datetime

from ..core import database, jobs, source
from ..core.errors import Failure
from . import message

AFTER_DAYS = 3
SUBJECT = "Re: "
BODY = ("Hello{% if first_name is defined and first_name %} {{ first_name }}{% endif %},\n\n"
        "I wrote to you {{ days }} days ago, and would like to know whether you"
        " had a moment to think about it.\n\n"
        "If it is not for you, a short word is enough, and I won't write again.\n")

REACTIONS = """
select e.kind from mail.email_events e
where e.message_id = %s and e.kind in ('open', 'click', 'reply', 'unsubscribe', 'complaint', 'bounce')
    and not e.is_machine
order by e.at limit 1
"""


def send(request, campaign_id, lead_id, after_days=AFTER_DAYS):
    """Sends it when the mail is so many days old and nobody reacted; asks for
    itself at that time when it is younger.

    Returns what message.send() does, {"status": "planned", "eta"} or
    {"status": "not_needed", "because"}.
    """
    campaign = source.campaign(campaign_id)
    source.lead_of(campaign_id, lead_id)
    first = database.row(
        "select id, status, sent_at, subject from mail.messages"
        " where campaign_id = %s and lead_id = %s and kind = 'campaign'",
        campaign_id, lead_id)
    if first is None or first["sent_at"] is None:
        raise Failure(f"Lead {lead_id} did not get the mail of campaign {campaign_id}.")
    if first["status"] != "sent":
        return {"status": "not_needed", "because": first["status"]}
    reaction = database.value(REACTIONS, first["id"])
    if reaction:
        return {"status": "not_needed", "because": reaction}

    due = first["sent_at"] + datetime.timedelta(days=after_days)
    if due > datetime.datetime.now(datetime.timezone.utc):
        jobs.enqueue([(jobs.derived(request.id, "followup"), "send_followup_email",
                       {"campaign_id": campaign_id, "lead_id": lead_id,
                        "after_days": after_days}, due)])
        return {"status": "planned", "eta": due.isoformat()}

    days = (datetime.datetime.now(datetime.timezone.utc) - first["sent_at"]).days
    return message.send(
        campaign_id, lead_id, "followup", follows=first["id"],
        subject=campaign.get("followup_subject")
        or "{% raw %}" + SUBJECT + (first["subject"] or "") + "{% endraw %}",
        body=campaign.get("followup_body") or BODY.replace("{{ days }}", str(days)))
