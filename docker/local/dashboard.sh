#!/bin/bash
# Builds the dashboard, the API's description and its page: dashboard/ goes in,
# dashboard/dist with files to be served, compressed beforehand, comes out.
# Does nothing when dist is newer.
#
# dashboard.sh BUILD       BUILD: where a newer Node goes if need be
# dashboard.sh BUILD test  installs what tests need of npm, too
set -euo pipefail

cd "$(dirname "$0")/../../dashboard"
build=$(mkdir -p "$1" && cd "$1" && pwd)
npm=(npm --no-audit --no-fund --no-update-notifier --loglevel=error)
export SCARF_ANALYTICS=false

fail() {
    echo "dashboard: $*" >&2
    exit 1
}

is_current() {
    [ -e dist/openapi.json ] \
        && [ -z "$(find . ../include/tables -newer dist/openapi.json -type f \
                   -not -path '*/node_modules/*' -not -path './dist/*' \
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

# Of the folder it is in.
install_packages() {
    if [ ! -e node_modules/.package-lock.json ] \
        || [ package-lock.json -nt node_modules/.package-lock.json ]
    then
        # not "ci": it wants the packages of other systems in the lock, too
        "${npm[@]}" install --no-save > /dev/null
        touch node_modules/.package-lock.json
    fi
}

make_docs() {
    mkdir -p dist/docs
    cp docs/* node_modules/swagger-ui-dist/swagger-ui{-bundle.js,.css} dist/docs/
    node openapi/build.js dist/openapi.json
}

find_node

if [ "${2:-}" = test ]; then
    (cd test && install_packages)
    (cd ../t/e2e/spotlight && install_packages)
fi

if is_current; then
    exit
fi

install_packages
rm -rf dist
node node_modules/typescript/bin/tsc --noEmit
node node_modules/vite/bin/vite.js build --logLevel error
make_docs
find dist -type f \( -name '*.js' -o -name '*.css' -o -name '*.html' \
    -o -name '*.svg' -o -name '*.json' \) -exec gzip -9 -k -n {} +
touch dist/openapi.json
