#!/bin/bash
# Tells which programs run; fails when one does not.
# shellcheck source=docker/local/common.sh
. "$(dirname "$0")/common.sh"

if ! is_up; then
    echo "Nothing runs: make up"
    exit 1
fi

control status
