"""/api/campaigns"""

import datetime
from typing import Optional

from fastapi import APIRouter, Depends, HTTPException, Query, Response

from . import database
from .identity import Identity, identity
from .models import Campaign, CampaignChange, CampaignStatus
from .table import Table

router = APIRouter(prefix="/api/campaigns")
table = Table("campaigns", "campaign")


def now():
    return datetime.datetime.now(datetime.timezone.utc)


@router.get("")
async def index(status: Optional[CampaignStatus] = None,
                team_id: Optional[int] = None,
                limit: int = Query(50, ge=1, le=200),
                offset: int = Query(0, ge=0)):
    return await table.page({"status": status, "team_id": team_id},
                            limit, offset)


@router.post("", status_code=201)
async def create(campaign: Campaign, response: Response,
                 who: Identity = Depends(identity)):
    made = await table.insert({**campaign.dict(), "created_by": who.user_id})
    response.headers["Location"] = f"/api/campaigns/{made['id']}"
    return made


@router.get("/{number}")
async def read(number: int):
    return await table.get(number)


@router.put("/{number}")
async def replace(number: int, campaign: Campaign):
    return await table.update(number, {**campaign.dict(), "updated_at": now()})


@router.patch("/{number}")
async def change(number: int, campaign: CampaignChange):
    return await table.update(number, {**campaign.dict(exclude_unset=True),
                                       "updated_at": now()})


@router.delete("/{number}", status_code=204)
async def delete(number: int):
    await table.delete(number)
    return Response(status_code=204)


@router.post("/{number}/publish")
async def publish(number: int):
    published = await database.row(
        "update campaigns set status = 'published', published_at = now(),"
        " updated_at = now() where id = %s and status in ('draft', 'scheduled')"
        " returning *", [number])
    if published is None:
        campaign = await table.get(number)
        raise HTTPException(409, f"The campaign is {campaign['status']}.")
    return published
