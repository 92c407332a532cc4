#!/bin/bash
# Every Python file parses.
set -euo pipefail

t/lint/files '*.py' 'python3' | xargs /usr/bin/python3 -c '
import ast, sys
failed = 0
for path in sys.argv[1:]:
    try:
        ast.parse(open(path, encoding="utf-8").read(), path)
    except SyntaxError as error:
        print(f"{path}:{error.lineno}: {error.msg}")
        failed = 1
sys.exit(failed)
'
