#!/bin/bash
# All is well with every shell script.
set -euo pipefail

t/lint/files '*.sh' 'bash|sh' | xargs shellcheck -x -P SCRIPTDIR
