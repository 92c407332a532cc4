#!/usr/bin/python3
"""Puts into the database of DATABASE_URL what a demonstration needs: a user of
each role, with a random password, and a role for the example backend.

demo.py CREDENTIALS BACKEND_PASSWORD    two files; users that CREDENTIALS names
                                        and the database has stay as they are
"""

import ctypes
import json
import os
import pathlib
import secrets
import sys

import psycopg
from psycopg import sql

ROLES = {"admin": "Ada Admin", "manager": "Max Manager", "user": "Uma User"}
BACKEND = sql.Identifier("leadgen_backend")

libcrypt = ctypes.CDLL("libcrypt.so.1")
libcrypt.crypt_gensalt.restype = ctypes.c_char_p
libcrypt.crypt.restype = ctypes.c_char_p


def yescrypt(password):
    setting = libcrypt.crypt_gensalt(b"$y$", ctypes.c_ulong(0), None, 0)
    hashed = libcrypt.crypt(password.encode(), setting)
    if not hashed or not hashed.startswith(b"$y$"):
        sys.exit("demo: libcrypt makes no yescrypt hashes")
    return hashed.decode()


def write(path, accounts):
    """One line for each role, so that sed finds it, too."""
    lines = (f'  "{role}": {json.dumps(account)}'
             for role, account in accounts.items())
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600),
              "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
    new.rename(path)


def make_users(connection, path):
    is_new = not path.exists()
    if is_new:
        accounts = {role: {"email": f"{role}@example.com",
                           "password": secrets.token_urlsafe(15)}
                    for role in ROLES}
    else:
        accounts = json.loads(path.read_text())

    known = {email for email, in connection.execute(
        "select email from public.users where email = any(%s)",
        [[account["email"] for account in accounts.values()]])}

    for role, account in accounts.items():
        if is_new or account["email"] not in known:
            connection.execute(
                "select private.ensure_user(%s, %s, %s, %s)",
                [account["email"], ROLES[role], yescrypt(account["password"]),
                 role])

    connection.commit()
    if is_new:
        write(path, accounts)


def make_backend(connection, password):
    """It makes its tables itself, in a schema of its own."""
    if connection.execute("select from pg_catalog.pg_roles where rolname ="
                          " 'leadgen_backend'").fetchone() is None:
        connection.execute(sql.SQL("create role {}").format(BACKEND))
        connection.execute(sql.SQL("grant {} to current_user").format(BACKEND))
    connection.execute(sql.SQL("alter role {} login password {}").format(
        BACKEND, sql.Literal(password)))
    connection.execute(sql.SQL("grant create on database {} to {}").format(
        sql.Identifier(connection.info.dbname), BACKEND))
    connection.commit()


with psycopg.connect(os.environ["DATABASE_URL"]) as database:
    make_backend(database, pathlib.Path(sys.argv[2]).read_text().strip())
    make_users(database, pathlib.Path(sys.argv[1]))
