"""A campaign goes in, and a job for the mail of each of its leads comes out, each
at the hour of the week that is best for the lead, in the lead's time zone, not in
quiet hours, and no faster than domains take them."""

import collections
import datetime

from ..core import jobs, settings, source
from ..mail import bulk
from . import habits

HOUR = datetime.timedelta(hours=1)


def is_quiet(local):
    """Whether an hour of the recipient's day is one of MAIL_QUIET_HOURS."""
    quiet = settings.MAIL_QUIET_HOURS
    if quiet is None:
        return False
    begin, end = quiet
    return begin <= local.hour < end if begin < end else local.hour >= begin or local.hour < end


def moment(begin, lead, learned):
    """When the mail of a lead goes: within a week after begin at the best of the
    hours that are not quiet; without a model at once, or when quiet ends."""
    lead_zone = habits.zone(lead)
    first = begin.replace(minute=0, second=0, microsecond=0)
    hours = [begin] + [first + HOUR * number for number in range(1, 168)]
    fit = [hour for hour in hours if not is_quiet(hour.astimezone(lead_zone))]
    if not fit:
        return begin
    if learned is None:
        return fit[0]
    rates = learned.rates(habits.segment(lead))
    return max(fit, key=lambda hour: rates[habits.hour_of_week(hour, lead_zone)])


def schedule(request, campaign_id):
    """Plans a campaign's mails.  Returns {"leads", "planned", "left_out",
    "first", "last", "learned"}."""
    campaign = source.campaign(campaign_id)
    bulk.check(campaign)
    now = datetime.datetime.now(datetime.timezone.utc)
    begin = max(now, campaign.get("scheduled_at") or now)
    learned, pace = habits.known(campaign_id), bulk.Pace(begin)
    total, seen, planned = source.count(campaign_id), 0, 0
    left_out, moments = collections.Counter(), []

    for page in bulk.pages(campaign_id):
        done = bulk.over(campaign_id, page)
        left_out.update(done.values())
        wanted = [(jobs.derived(request.id, lead["id"]), bulk.MAIL,
                   {"campaign_id": campaign_id, "lead_id": lead["id"]},
                   pace.moment(lead["email"], moment(begin, lead, learned)))
                  for lead in page if lead["id"] not in done]
        jobs.enqueue(wanted)
        moments += [one[3] for one in wanted]
        seen += len(page)
        planned += len(wanted)
        jobs.progress(request, seen, total)

    return {"leads": seen, "planned": planned, "left_out": dict(left_out),
            "first": min(moments).isoformat() if moments else None,
            "last": max(moments).isoformat() if moments else None, "learned": learned is not None}
