"""/api/analytics"""

from fastapi import APIRouter

from . import campaigns, database

router = APIRouter(prefix="/api/analytics")


async def counts(column):
    return {row["name"]: row["count"] for row in await database.rows(
        f"select {column} as name, count(*) from leads"
        " group by 1 order by 2 desc")}


def rates(mail):
    """What share of the mail sent was opened, and so on."""
    sent = mail["sent"]
    return {name: round(mail[name] / sent, 4) if sent else None
            for name in ("opened", "clicked", "replied", "bounced")}


async def mail(where="true", values=()):
    return await database.row(
        "select coalesce(sum(sent), 0) as sent, coalesce(sum(opened), 0) as"
        " opened, coalesce(sum(clicked), 0) as clicked, coalesce(sum(replied),"
        " 0) as replied, coalesce(sum(bounced), 0) as bounced"
        f" from deliveries where {where}", values)


@router.get("/overview")
async def overview():
    by_status = await counts("status")
    total = await mail()
    return {"leads": {"total": sum(by_status.values()),
                      "by_status": by_status,
                      "by_source": await counts("source"),
                      "by_country": await counts("country")},
            "campaigns": {row["status"]: row["count"]
                          for row in await database.rows(
                              "select status, count(*) from campaigns"
                              " group by status order by status")},
            "mail": {**total, "rates": rates(total)}}


@router.get("/campaigns/{number}")
async def campaign(number: int):
    found = await campaigns.table.get(number)
    total = await mail("campaign_id = %s", [number])
    days = await database.rows(
        "select day, sent, opened, clicked, replied, bounced from deliveries"
        " where campaign_id = %s order by day", [number])
    leads = await database.rows(
        "select status, count(*) from leads where campaign_id = %s"
        " group by status order by 2 desc", [number])
    return {"campaign": {"id": found["id"], "name": found["name"],
                         "status": found["status"]},
            "mail": {**total, "rates": rates(total)},
            "days": days,
            "leads": {row["status"]: row["count"] for row in leads}}
