#!/bin/bash
# Follows the logs of all programs.
# shellcheck source=docker/local/common.sh
. "$(dirname "$0")/common.sh"

shopt -s nullglob
logs=("$run"/log/*.log)
[ ${#logs[@]} -gt 0 ] || fail "there are no logs in $run/log: make up"

exec tail -n 10 -F "${logs[@]}"
