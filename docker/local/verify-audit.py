#!/usr/bin/python3
"""Verifies the audit log of a running stack, as its administrator, and names
the first bad row; exit code 1 when there is one.

verify-audit.py RUN [from=TIME] [to=TIME]     LEADGEN_PORT: 8000
"""

import http.client
import json
import os
import pathlib
import sys
import urllib.parse

PATH = "/api/admin/audit-logs/verify"


def call(connection, method, path, token=None, body=None):
    headers = {"Content-Type": "application/json"} if body else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request(method, path, body and json.dumps(body), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    if response.status != 200:
        sys.exit(f"verify-audit: {method} {path}: {answer.get('detail', response.status)}")
    return answer


def main(run, *words):
    run = pathlib.Path(run)
    port = int(os.environ.get("LEADGEN_PORT", "8000"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    admin = json.loads((run / "credentials.json").read_text())["admin"]
    token = call(connection, "POST", "/api/auth/login", body=admin)["access_token"]
    query = dict(word.split("=", 1) for word in words)
    checked, expired = 0, 0

    while True:
        result = call(connection, "GET", f"{PATH}?{urllib.parse.urlencode(query)}", token)
        checked += result["checked"]
        expired += result["expired"]
        bad = result["first_bad"]

        if bad:
            print(f"bad: {bad['problem']}, seal {bad['sequence']}, row {bad['id']}")
            return 1

        if not result["next_cursor"]:
            print(f"valid: {checked} rows, {expired} of which retention has ended; {result['waiting']} wait for their seal, the last seal is {result['mac']}")
            return 0

        print(f"{checked} of {result['seals']} rows", flush=True)
        query["cursor"] = result["next_cursor"]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
