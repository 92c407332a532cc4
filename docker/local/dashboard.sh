#!/bin/bash
# Builds the dashboard: dashboard/ goes in, dashboard/dist with its files, each
# compressed beforehand, comes out.  Does nothing when dist is newer than that.
set -euo pipefail

cd "$(dirname "$0")/../../dashboard"
build=$(mkdir -p "$1" && cd "$1" && pwd)
npm=(npm --no-audit --no-fund --no-update-notifier --loglevel=error)

fail() {
    echo "dashboard: $*" >&2
    exit 1
}

is_current() {
    [ -e dist/index.html ] \
        && [ -z "$(find . ../include/tables -newer dist/index.html -type f \
                   -not -path './node_modules/*' -not -path './dist/*' \
                   -print -quit)" ]
}

# Vite needs a newer Node than Debian has: npm has that, too.
find_node() {
    local wanted=22 found

    command -v npm > /dev/null || fail "npm is missing: run 'make deps'."
    found=$(node -p 'const [a, b] = process.versions.node.split("."); a * 100 + +b')

    if [ "$found" -lt 2019 ]; then
        if [ ! -x "$build/node/node_modules/node/bin/node" ]; then
            echo "dashboard: Node $(node --version) is too old, fetching Node $wanted"
            "${npm[@]}" install --prefix "$build/node" "node@$wanted" > /dev/null
        fi
        PATH=$build/node/node_modules/node/bin:$PATH
    fi
}

install_packages() {
    if [ ! -e node_modules/.package-lock.json ] \
        || [ package-lock.json -nt node_modules/.package-lock.json ]
    then
        # not "ci": it wants the packages of other systems in the lock, too
        "${npm[@]}" install --no-save > /dev/null
        touch node_modules/.package-lock.json
    fi
}

if is_current; then
    exit
fi

find_node
install_packages
node node_modules/typescript/bin/tsc --noEmit
node node_modules/vite/bin/vite.js build --logLevel error
find dist -type f \( -name '*.js' -o -name '*.css' -o -name '*.html' \
    -o -name '*.svg' -o -name '*.json' \) -exec gzip -9 -k -n {} +
touch dist/index.html
