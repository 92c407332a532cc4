# shellcheck shell=bash
# Links a program in C with the stand-ins for nginx and with the sources that
# its first comment declares; sourced by t/unit/run and t/fuzz/run.

# a list that the first comment of a program declares, in one line or several
unit_declared() {
    sed -n '/\*\//q; s/^[ /*]*'"$2"': *\(.*[^ *\/]\)[ *\/]*$/\1/p' "$1" \
        | tr '\n' ' '
}

# whether there is a file, made after all that it may be made of
unit_is_current() {
    [ -e "$1" ] && [ -z "$(find include src t/unit t/fuzz -newer "$1" \
                           -name '*.[ch]' -print -quit)" ]
}

# unit_build BUILD CC PROGRAM.c OUTPUT [FLAG ...]
# what all programs share is compiled once for each folder of theirs
unit_build() {
    local build=$1 cc=$2 program=$3 output=$4
    local source=${NGINX_SRC:-/usr/share/nginx/src} flags folder file
    local sources libraries object shared=()
    shift 4

    # configure makes ngx_auto_config.h though the module may not compile yet
    if [ ! -f "$build/ngx_auto_config.h" ]; then
        docker/local/build.sh module "$build" "$cc" "$source" || true
    fi

    if unit_is_current "$output"; then
        return
    fi

    read -ra sources <<< "$(unit_declared "$program" sources)"
    read -ra libraries <<< "$(unit_declared "$program" libraries)"

    # shellcheck disable=SC2054
    flags=(-g -O1 -Wall -Wextra -Werror -Wshadow -Wdeclaration-after-statement
           -Wno-unused-parameter -fsanitize=address,undefined
           -fno-sanitize-recover=undefined -fno-omit-frame-pointer
           -It/unit -Iinclude -I"$build" -I"$(pg_config --includedir)")
    for folder in core event event/modules os/unix http http/modules http/v2; do
        flags+=(-I"$source/src/$folder")
    done
    # the private headers of each layer
    for file in "${sources[@]}"; do
        flags+=(-I"$(dirname "$file")")
    done

    mkdir -p "${output%/*}/shared"
    for file in unit nginx nginx_string; do
        object=${output%/*}/shared/$file.o
        shared+=("$object")
        unit_is_current "$object" \
            || "$cc" "${flags[@]}" "$@" -c -o "$object" "t/unit/$file.c"
    done

    "$cc" "${flags[@]}" "$@" -o "$output" "$program" "${sources[@]}" \
        "${shared[@]}" "${libraries[@]}"
}

# unit_build_all BUILD CC PROGRAM.c OUTPUT [PROGRAM.c OUTPUT ...]
# as many at a time as there are processors; the first one makes what all need.
# UNIT_FLAGS: further flags
unit_build_all() {
    local build=$1 cc=$2
    shift 2

    # shellcheck disable=SC2086
    unit_build "$build" "$cc" "$1" "$2" ${UNIT_FLAGS:-}
    shift 2

    export -f unit_build unit_declared unit_is_current
    # shellcheck disable=SC2016
    printf '%s\n' "$@" | UNIT_BUILD=$build UNIT_CC=$cc \
        xargs -r -n 2 -P "$(nproc)" bash -euo pipefail -c \
            'unit_build "$UNIT_BUILD" "$UNIT_CC" "$1" "$2" ${UNIT_FLAGS:-}' unit
}
