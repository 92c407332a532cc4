#!/bin/bash
# The module compiles with clang, too, without a warning.
set -euo pipefail

docker/local/build.sh module "$BUILD/clang" clang
