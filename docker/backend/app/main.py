"""The example backend: campaigns, leads, teams and analytics of a company that
looks for customers.  It checks nobody: it is reached through the gateway only,
which says in headers who asks."""

import os

import psycopg.errors
from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse

from . import analytics, campaigns, database, leads, teams
from .identity import Identity, identity

app = FastAPI(title="Leadgen example backend", docs_url=None, redoc_url=None,
              openapi_url=None)

for unit in (campaigns, leads, teams, analytics):
    app.include_router(unit.router)


@app.on_event("startup")
async def start():
    await database.pool.open()
    await database.prepare()


@app.on_event("shutdown")
async def stop():
    await database.pool.close()


@app.exception_handler(psycopg.errors.UniqueViolation)
async def conflict(_, error):
    return JSONResponse({"detail": "There is one with the same "
                         f"{error.diag.constraint_name}."}, 409)


@app.exception_handler(psycopg.errors.ForeignKeyViolation)
async def dangling(_, error):
    return JSONResponse({"detail": f"{error.diag.constraint_name}:"
                         " there is no such row."}, 422)


@app.exception_handler(psycopg.errors.NotNullViolation)
async def empty(_, error):
    return JSONResponse({"detail": f"{error.diag.column_name} needs a value."},
                        422)


@app.exception_handler(psycopg.errors.DataError)
async def out_of_range(*_):
    return JSONResponse({"detail": "A value is out of range."}, 422)


@app.exception_handler(psycopg.OperationalError)
async def away(*_):
    return JSONResponse({"detail": "The database is away."}, 503,
                        {"Retry-After": "2"})


@app.get("/api/profile")
async def profile(who: Identity = Depends(identity)):
    return who


@app.get("/api/public/status")
async def status():
    return {"status": "ok", "service": "example-backend",
            "environment": os.environ.get("ENVIRONMENT", "development"),
            "version": os.environ.get("APP_VERSION", "")}
