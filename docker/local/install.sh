#!/bin/bash
# install.sh MODULE [DESTDIR]: copies the module into nginx's modules path, by
# rename: a running nginx has the old file mapped.
set -euo pipefail

export PATH=$PATH:/usr/sbin
path=$(nginx -V 2>&1 | tr ' ' '\n' | sed -n 's/^--modules-path=//p')
directory=${2:-}${path:?"nginx -V names no --modules-path"}
target=$directory/$(basename "$1")

mkdir -p "$directory"
install -m 644 "$1" "$target.new"
mv -f "$target.new" "$target"
echo "$target"
