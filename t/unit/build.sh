# shellcheck shell=bash
# Links a program in C with the stand-ins for nginx and with the sources that
# its first comment declares; sourced by t/unit/run and t/fuzz/run.

# a list that the first comment of a program declares, in one line or several
unit_declared() {
    sed -n '/\*\//q; s/^[ /*]*'"$2"': *\(.*[^ *\/]\)[ *\/]*$/\1/p' "$1" \
        | tr '\n' ' '
}

# unit_build BUILD CC PROGRAM.c OUTPUT [FLAG ...]
unit_build() {
    local build=$1 cc=$2 program=$3 output=$4
    local source=${NGINX_SRC:-/usr/share/nginx/src} flags folder file
    local sources libraries
    shift 4

    # configure makes ngx_auto_config.h though the module may not compile yet
    if [ ! -f "$build/ngx_auto_config.h" ]; then
        docker/local/build.sh module "$build" "$cc" "$source" || true
    fi

    if [ -x "$output" ] && [ -z "$(find include src t/unit t/fuzz \
                                   -newer "$output" -name '*.[ch]' \
                                   -print -quit)" ]
    then
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

    "$cc" "${flags[@]}" "$@" -o "$output" "$program" "${sources[@]}" \
        t/unit/unit.c t/unit/nginx.c t/unit/nginx_string.c "${libraries[@]}"
}
