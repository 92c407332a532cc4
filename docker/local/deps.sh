#!/bin/bash
# Installs the Debian packages of the list beside it that are missing.  No
# service of the system is started, enabled or changed by that.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
list=$here/packages
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.conf
cluster_is_ours=
log=

missing() {
    local wanted installed

    mapfile -t wanted < <(sed -e '/^#/d' -e 's/^[a-z]* *//' "$list" \
                          | tr -s ' ' '\n' | sed '/^$/d' | sort -u)
    # shellcheck disable=SC2016
    installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' \
                "${wanted[@]}" 2>/dev/null | sed -n 's/ installed$//p' || true)
    printf '%s\n' "${wanted[@]}" | grep -vxF "${installed:-none}" || true
}

# Debian starts a service when its package is installed, unless told not to.
hold_services() {
    if [ -e "$policy" ]; then
        mv "$policy" "$policy.leadgen"
    fi
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"

    if [ ! -e "$cluster" ]; then
        cluster_is_ours=1
        mkdir -p "${cluster%/*}"
        echo 'create_main_cluster = false' > "$cluster"
    fi
}

release_services() {
    local original=/usr/share/postgresql-common/${cluster##*/}

    rm -f "$policy" "$log"
    if [ -e "$policy.leadgen" ]; then
        mv "$policy.leadgen" "$policy"
    fi

    if [ -n "$cluster_is_ours" ]; then
        rm -f "$cluster" "$cluster.ucf-dist"
        if [ -e "$original" ]; then
            cp "$original" "$cluster"
        fi
    fi
}

# What came just now and is enabled would start at the next boot.
disable_services() {
    local package

    for package; do
        case $package in
        haproxy | nginx | postgresql | prometheus | redis-server | supervisor)
            update-rc.d "$package" disable > /dev/null 2>&1 || true
            deb-systemd-helper disable "$package.service" > /dev/null 2>&1 || true
            ;;
        esac
    done
}

# What dpkg tells about each package is of interest when it went wrong.
apt() {
    apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" \
        > "$log" 2>&1 || {
        tail -n 20 "$log" >&2
        echo "deps: apt-get $1 failed." >&2
        exit 1
    }
}

install() {
    export DEBIAN_FRONTEND=noninteractive
    trap release_services EXIT
    trap 'exit 130' INT TERM HUP
    hold_services
    log=$(mktemp)

    apt update
    apt install -y --no-install-recommends "$@"
    disable_services "$@"
}

if ! command -v apt-get > /dev/null; then
    echo "deps: there is no apt-get here: install what $list names." >&2
    exit 1
fi

if [ "${1:-}" = install ]; then
    shift
    install "$@"
    exit
fi

mapfile -t packages < <(missing)

if [ ${#packages[@]} = 0 ]; then
    echo "deps: all packages are installed"
    exit
fi

echo "deps: installing ${packages[*]}"

if [ "$(id -u)" = 0 ]; then
    "$0" install "${packages[@]}"
elif command -v sudo > /dev/null; then
    sudo -- "$here/deps.sh" install "${packages[@]}"
else
    echo "deps: to install them, run this as root: $here/deps.sh" >&2
    exit 1
fi
