"""/api/teams"""

from fastapi import APIRouter, HTTPException, Query, Response

from . import database
from .models import Member, Team, TeamChange
from .table import Table

router = APIRouter(prefix="/api/teams")
table = Table("teams", "team")


@router.get("")
async def index(limit: int = Query(50, ge=1, le=200),
                offset: int = Query(0, ge=0)):
    return await table.page({}, limit, offset)


@router.post("", status_code=201)
async def create(team: Team, response: Response):
    made = await table.insert(team.dict())
    response.headers["Location"] = f"/api/teams/{made['id']}"
    return made


@router.get("/{number}")
async def read(number: int):
    return await table.get(number)


@router.put("/{number}")
async def replace(number: int, team: Team):
    return await table.update(number, team.dict())


@router.patch("/{number}")
async def change(number: int, team: TeamChange):
    return await table.update(number, team.dict(exclude_unset=True))


@router.delete("/{number}", status_code=204)
async def delete(number: int):
    await table.delete(number)
    return Response(status_code=204)


@router.get("/{number}/members")
async def members(number: int):
    await table.get(number)
    items = await database.rows(
        "select user_id, added_at from team_members where team_id = %s"
        " order by user_id", [number])
    return {"items": items, "total": len(items)}


@router.post("/{number}/members", status_code=201)
async def add(number: int, member: Member):
    await table.get(number)
    return await database.row(
        "insert into team_members (team_id, user_id) values (%s, %s)"
        " returning user_id, added_at", [number, member.user_id])


@router.delete("/{number}/members/{user_id}", status_code=204)
async def remove(number: int, user_id: int):
    gone = await database.row(
        "delete from team_members where team_id = %s and user_id = %s"
        " returning user_id", [number, user_id])
    if gone is None:
        raise HTTPException(404, "The team has no such member.")
    return Response(status_code=204)
