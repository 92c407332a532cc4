#!/bin/bash
# Stops what up.sh started; data stays.
# shellcheck source=docker/local/common.sh
. "$(dirname "$0")/common.sh"

if is_up; then
    # what needs the servers, all at once: supervisord ends one after the other
    for name in nginx backend worker beat; do
        control stop "$name" > /dev/null 2>&1 &
    done
    wait
    control shutdown > /dev/null
    await_end
    echo "down: all programs have ended"
elif pid=$(supervisor_process); then
    kill "$pid"
    await_end
    echo "down: all programs have ended"
else
    await_end
    echo "down: nothing runs"
fi

# the directory of a socket whose path would be too long in run/
place=$(sed -n 's,^file = \(/tmp/leadgen-.*\)/supervisor\.sock$,\1,p' \
        "$run/supervisord.conf" 2>/dev/null || true)
if [ -n "$place" ]; then
    rm -rf "$place"
fi
