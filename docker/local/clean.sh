#!/bin/bash
# Stops what runs, of make up and of the tests, and removes it with its data;
# removes build/, too.
set -euo pipefail

cd "$(dirname "$0")/../.."

for run in "${LEADGEN_RUN:-run}" build/test/run build/test/*/run; do
    # up.sh made that file: other people's directories stay
    if [ -e "$run/lock" ]; then
        LEADGEN_RUN=$run docker/local/down.sh
        # it may be a link, see make_run in up.sh
        rm -rf "$(realpath "$run")" "$run"
    fi
done

rm -rf build
