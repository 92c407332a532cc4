#!/bin/bash
# Tells which programs run; fails when one does not.
. "$(dirname "$0")/common.sh"

if ! is_up; then
    echo "Nothing runs: make up"
    exit 1
fi

control status
