#!/bin/bash
# clang-tidy with the checks of t/lint/clang-tidy.yaml.
set -euo pipefail

failed=0
output=$(/usr/bin/python3 - "$BUILD/compile_commands.json" <<'EOF' |
import json, sys
print("\n".join(sorted({entry["file"] for entry in json.load(open(sys.argv[1]))
                        if "ngx_leadgen" in entry["file"]
                        and "_modules.c" not in entry["file"]})))
EOF
    xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$BUILD" \
        --config-file=t/lint/clang-tidy.yaml 2>&1) || failed=1

# without the analyser's way there, which clang-tidy itself tells
echo "$output" | grep -A 2 ' error: ' || true
exit $failed
