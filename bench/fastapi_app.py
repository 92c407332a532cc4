"""What a FastAPI application does for itself: a token goes in, and out comes
its answer once the signature and the permission were looked at, and, with a
database, a row of it was inserted into application_logs.

fastapi_app.py KEY PORT [DSN]
"""

import asyncio
import json
import pathlib
import sys

import jwt
import psycopg
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request

KEY = pathlib.Path(sys.argv[1]).read_bytes()
GRANTS = {"admin": {"campaign:read"}}

CONNECTIONS = 4
INSERT = """insert into public.application_logs (
    id, timestamp, action, user_id, user_email, resource_type, resource_id,
    details, ip_address, user_agent, success
) values (
    gen_random_uuid(), now(), 'access_granted', %s, %s, 'campaign', %s, %s, %s,
    %s, true
)"""

app = FastAPI()
free = asyncio.Queue()


@app.on_event("startup")
async def connect():
    for _ in range(CONNECTIONS if len(sys.argv) > 3 else 0):
        free.put_nowait(await psycopg.AsyncConnection.connect(
            sys.argv[3], autocommit=True))


async def record(request, path, claims):
    connection = await free.get()
    try:
        await connection.execute(INSERT, (
            int(claims["sub"]), claims["email"], path.rpartition("/")[2],
            json.dumps({"method": request.method, "path": "/" + path,
                        "status": 200}),
            request.client.host, request.headers.get("User-Agent")))
    finally:
        free.put_nowait(connection)


async def principal(request: Request):
    try:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, KEY, ["HS256"], {"verify_iat": False})
    except (KeyError, jwt.InvalidTokenError) as error:
        raise HTTPException(401) from error
    if "campaign:read" not in GRANTS.get(claims["role"], ()):
        raise HTTPException(403)
    return claims


@app.get("/{path:path}")
async def answer(path: str, request: Request,
                 claims: dict = Depends(principal)):
    if len(sys.argv) > 3:
        await record(request, path, claims)
    return {"path": path, "user": claims["sub"]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]),
                log_level="warning")
