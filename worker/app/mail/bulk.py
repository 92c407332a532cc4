"""A campaign goes in, and a job for the mail of each of its leads comes out, no
faster than domains take them."""

import collections
import datetime

from ..core import database, jobs, settings, source
from ..core.errors import Failure
from . import compose, suppression

CHUNK = 500
MAIL = "send_campaign_email"


class Pace:
    """Moments for mails to domains, so many in a minute to each."""

    def __init__(self, begin):
        self.begin = begin
        self.counts = collections.Counter()

    def moment(self, address, wanted=None):
        """When the next mail to that address' domain may go, and not before it
        is wanted; each hour that is wanted counts for itself."""
        base = max(wanted or self.begin, self.begin)
        place = address.rpartition("@")[2].lower(), base
        seconds = self.counts[place] * 60 / settings.MAIL_DOMAIN_RATE
        self.counts[place] += 1
        return base + datetime.timedelta(seconds=seconds)


def over(campaign_id, leads):
    """Of these leads, who has the mail, or gets none: {lead: why}."""
    found = {row["lead_id"]: row["status"] for row in database.rows(
        "select lead_id, status from mail.messages where campaign_id = %s"
        " and kind = 'campaign' and status <> 'new' and lead_id = any(%s)",
        campaign_id, [lead["id"] for lead in leads])}
    suppressed = {row["address"] for row in database.rows(
        "select address from mail.suppressions where address = any(%s)",
        [suppression.canonical(lead["email"]) for lead in leads])}
    for lead in leads:
        if suppression.canonical(lead["email"]) in suppressed:
            found.setdefault(lead["id"], "suppressed")
    return found


def check(campaign):
    """Failure: a template can't be used, whoever the lead is."""
    for name in ("subject", "body"):
        compose.parse(campaign[name])
    if campaign.get("html"):
        compose.parse(campaign["html"])


def pages(campaign_id, only=None):
    last = 0
    while page := source.leads(campaign_id, last, CHUNK, only):
        yield page
        last = page[-1]["id"]


def send(request, campaign_id, lead_ids=None):
    """Asks for a campaign's mail to all its leads, or to those of lead_ids.

    Returns {"leads", "asked", "left_out": {why: how many}}.
    """
    campaign = source.campaign(campaign_id)
    check(campaign)
    only = sorted(set(lead_ids)) if lead_ids is not None else None
    total = len(only) if only is not None else source.count(campaign_id)
    pace = Pace(datetime.datetime.now(datetime.timezone.utc))
    left_out, seen, asked = collections.Counter(), 0, 0

    for page in pages(campaign_id, only):
        done = over(campaign_id, page)
        left_out.update(done.values())
        wanted = [(jobs.derived(request.id, lead["id"]), MAIL,
                   {"campaign_id": campaign_id, "lead_id": lead["id"]},
                   pace.moment(lead["email"]))
                  for lead in page if lead["id"] not in done]
        jobs.enqueue(wanted)
        seen += len(page)
        asked += len(wanted)
        jobs.progress(request, seen, total)

    if only is not None and seen < len(only):
        raise Failure(f"{len(only) - seen} of lead_ids do not belong to campaign"
                      f" {campaign_id}; the others get their mail.")
    return {"leads": seen, "asked": asked, "left_out": dict(left_out)}
