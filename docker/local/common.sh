# Sourced by the scripts beside it: where things are, and how they are told.
# shellcheck shell=bash disable=SC2034

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/docker/local
build=$(realpath -m "${BUILD:-$root/build}")
run=$(realpath -m "${LEADGEN_RUN:-$root/run}")

# nginx is in sbin; another python may stand before Debian's
export PATH=$PATH:/usr/sbin:/sbin
python=/usr/bin/python3

fail() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
    exit 1
}

control() {
    supervisorctl -c "$run/supervisord.conf" "$@"
}

is_up() {
    [ -e "$run/supervisord.conf" ] && control pid > /dev/null 2>&1
}

# The process of a pid file below run/, if it is one of ours: a file that a
# crash left behind may name anybody's.
process() {
    local name=$1 pid

    pid=$(head -n 1 "$run/$2" 2>/dev/null) || return 1
    [ -n "$pid" ] && grep -qsx "$name" "/proc/$pid/comm" || return 1
    [[ $(readlink "/proc/$pid/cwd")/ = "$run"/* ]] || return 1
    echo "$pid"
}

# Found by its command line: its pid file may be gone with run/.
supervisor_process() {
    local file

    while read -r file; do
        if grep -qsx supervisord "${file%cmdline}comm"; then
            basename "${file%/cmdline}"
            return
        fi
    done < <(grep -lsF "$run/supervisord.conf" /proc/[0-9]*/cmdline)
    return 1
}

# Waits until no program of an earlier run is left; a killed supervisord takes
# them with it, each in its own time.
await_end() {
    local end=$((SECONDS + 60)) pid

    while pid=$(supervisor_process \
                || process nginx nginx/nginx.pid \
                || process redis-server redis/redis.pid \
                || process postgres postgres/data/postmaster.pid)
    do
        if [ $SECONDS -ge $end ]; then
            fail "process $pid of an earlier run does not end: kill $pid"
        fi
        sleep 0.1
    done
}
