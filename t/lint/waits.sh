#!/bin/bash
# No test lets go of a port before its server has it, and none takes the seconds
# that an idle machine needs for a limit of any other's: BUSY, of
# t/lib/waiting.py, stands beside them.
set -euo pipefail

port='return \w+\.getsockname\(\)\[1\]'
limit='(monotonic\(\) - \w+|seconds(_to_end\(\))?|took|healed) <=? [0-9.]+$'

mapfile -t files < <(t/lint/files '*.py' 'python3' \
                     | grep -E '^(t|bench|sql/test|worker/test)/')
[ ${#files[@]} -gt 50 ]
! grep -nE "$port|$limit" "${files[@]}"
