"""The dashboard in Debian's chromium, and the API's description: the tests are
in dashboard/test."""

import os
import subprocess

from conftest import ROOT, wait_for_database


def test_in_a_browser(gateway):
    done = subprocess.run(
        ["node", "--test", *sorted((ROOT / "dashboard/test").glob("*.test.js"))],
        env={**os.environ,
             "LEADGEN_DASHBOARD": f"http://127.0.0.1:{gateway.port}",
             "LEADGEN_RUN": str(gateway.run),
             "LEADGEN_CREDENTIALS": str(gateway.run / "credentials.json")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=600)
    assert done.returncode == 0, done.stdout
    wait_for_database(gateway)
