"""How tests wait: for conditions, never for time."""

import os
import time

# how many times as long as an idle machine any other one may take; campaigns
# have an idle one, and hold what is promised to its seconds
BUSY = 1 if os.environ.get("LEADGEN_LONG") == "1" else 6


def wait_until(condition, seconds, what):
    """Waits until condition() holds, and returns what it returned.  seconds:
    what that takes an idle machine at most."""
    deadline = time.monotonic() + BUSY * seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"no {what} within {BUSY * seconds} s"
        time.sleep(0.05)
    return result
