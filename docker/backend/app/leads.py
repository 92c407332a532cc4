"""/api/leads"""

import csv
import datetime
import io
from typing import Optional

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from . import database
from .models import Lead, LeadChange, LeadStatus
from .table import Table

router = APIRouter(prefix="/api/leads")
table = Table("leads", "lead")

EXPORT = ("id", "email", "first_name", "last_name", "company", "job_title",
          "country", "source", "status", "score", "campaign_id", "created_at")


def now():
    return datetime.datetime.now(datetime.timezone.utc)


@router.get("")
async def index(status: Optional[LeadStatus] = None,
                campaign_id: Optional[int] = None,
                country: Optional[str] = None,
                email: Optional[str] = None,
                limit: int = Query(50, ge=1, le=200),
                offset: int = Query(0, ge=0)):
    return await table.page({"status": status, "campaign_id": campaign_id,
                             "country": country, "email": email},
                            limit, offset)


@router.post("", status_code=201)
async def create(lead: Lead, response: Response):
    made = await table.insert(lead.dict())
    response.headers["Location"] = f"/api/leads/{made['id']}"
    return made


@router.get("/export")
async def export(status: Optional[LeadStatus] = None):
    return StreamingResponse(
        lines(status), media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="leads.csv"'})


async def lines(status):
    """The table as CSV, some hundred rows at a time."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(EXPORT)
    async with database.connect() as connection, \
            connection.cursor("export") as cursor:
        await cursor.execute(
            "select * from leads where %(status)s::text is null"
            " or status = %(status)s order by id", {"status": status})
        while batch := await cursor.fetchmany(500):
            writer.writerows([harmless(lead[name]) for name in EXPORT]
                             for lead in batch)
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def harmless(value):
    """Spreadsheets run text that looks like a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@")):
        return "'" + value
    return value


@router.get("/{number}")
async def read(number: int):
    return await table.get(number)


@router.put("/{number}")
async def replace(number: int, lead: Lead):
    return await table.update(number, {**lead.dict(), "updated_at": now()})


@router.patch("/{number}")
async def change(number: int, lead: LeadChange):
    return await table.update(number, {**lead.dict(exclude_unset=True),
                                       "updated_at": now()})


@router.delete("/{number}", status_code=204)
async def delete(number: int):
    await table.delete(number)
    return Response(status_code=204)
