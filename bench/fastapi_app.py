"""What a FastAPI application does for itself: a token goes in, and out comes
its answer once the signature and the permission were looked at."""

import pathlib
import sys

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request

KEY = pathlib.Path(sys.argv[1]).read_bytes()
GRANTS = {"admin": {"campaign:read"}}

app = FastAPI()


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
async def answer(path: str, claims: dict = Depends(principal)):
    return {"path": path, "user": claims["sub"]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]),
                log_level="warning")
