#!/bin/bash
# Builds the module out of tree.
#
# build.sh module BUILD CC [NGINX_SRC]   build/ngx_leadgen_module.so, against
#                                        Debian's nginx-dev or a source tree
# build.sh static BUILD CC NGINX_SRC     build/nginx with the module in it
# build.sh commands BUILD                build/compile_commands.json
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
verb=$1
build=$2
debian=/usr/share/nginx/src

cc_opt="-g -O2 -fPIC -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes"
cc_opt+=" -Wmissing-prototypes -Wdeclaration-after-statement -Wvla"
# handlers have the parameters of their type, used or not; gcc goes by nginx here
cc_opt+=" -Wno-unused-parameter"
cc_opt+=" -fstack-protector-strong -D_FORTIFY_SOURCE=2"
ld_opt="-Wl,-z,relro -Wl,-z,now -fPIC"

configure() {
    local cc=$1 source=$2 add=$3 flags=()

    rm -rf "$build/addon" "$build/Makefile" "$build/objs"
    mkdir -p "$build"
    cd "$source"

    if [ "$source" = "$debian" ]; then
        # shellcheck source=/dev/null
        . ./conf_flags
        flags=("${NGX_CONF_FLAGS[@]}")
    else
        flags=(--with-compat --with-debug --with-threads)
    fi

    if ! ./configure --with-cc="$cc" --with-cc-opt="$cc_opt" \
        --with-ld-opt="$ld_opt" "${flags[@]}" \
        "$add=$root" --builddir="$build" \
        > "$build/configure.log" 2>&1
    then
        tail -n 20 "$build/configure.log" >&2
        exit 1
    fi
}

case $verb in
module)
    cc=$3
    source=${4:-$debian}

    if [ ! -x "$source/configure" ]; then
        echo "No nginx sources in $source: run 'make deps', or set NGINX_SRC." >&2
        exit 1
    fi

    # what the Makefile that configure writes depends on
    want=$(cd "$root" && echo "$cc $source $cc_opt" && pwd \
           && find src ngx_leadgen_module.c include -type f | sort \
           && sha256sum config docker/local/build.sh sql/sqitch.plan)

    if [ ! -f "$build/Makefile" ] \
        || [ "$want" != "$(cat "$build/sources.list" 2>/dev/null)" ]
    then
        configure "$cc" "$source" --add-dynamic-module
        echo "$want" > "$build/sources.list"
    fi

    cd "$source"
    make -s -f "$build/Makefile" -C "$source" -j"$(nproc)" modules \
        2> >(grep -v 'jobserver' >&2)
    touch -c "$build/ngx_leadgen_module.so"
    ;;

static)
    source=$4
    configure "$3" "$source" --add-module
    rm -f "$build/sources.list"
    make -s -f "$build/Makefile" -C "$source" -j"$(nproc)" binary
    ;;

commands)
    # the compiler's calls, as make would print them
    cd "$(sed -n '1s/^[^ ]* \([^ ]*\) .*/\1/p' "$build/sources.list")"
    make -f "$build/Makefile" -n -B modules 2>/dev/null \
        | sed -e ':a' -e '/\\$/N; s/\\\n//; ta' \
        | /usr/bin/python3 -c '
import json, os, re, shlex, sys

entries = []
for line in sys.stdin:
    if " -c " not in line:
        continue
    words = shlex.split(line)
    files = [word for word in words if word.endswith(".c")]
    if files:
        entries.append({"directory": os.getcwd(), "arguments": words,
                        "file": files[-1]})
json.dump(entries, sys.stdout, indent=1)
' > "$build/compile_commands.json"
    ;;

*)
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
