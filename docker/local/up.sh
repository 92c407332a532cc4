#!/bin/bash
# Starts the whole system below run/, and brings one that runs up to date:
# PostgreSQL, Redis, an SMTP sink, the example backend and nginx with the module,
# under a supervisord of their own.  Users, passwords and data stay.
#
# LEADGEN_PORT, LEADGEN_ADMIN_PORT   where the gateway listens: 8000, 3004
# DATABASE_URL, REDIS_URL, SMTP_URL  servers to use instead of private ones
# ENVIRONMENT, APP_VERSION           what the applications say they are
# shellcheck source=docker/local/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=docker/local/configure.sh
. "$(dirname "$0")/configure.sh"

port=${LEADGEN_PORT:-8000}
admin_port=${LEADGEN_ADMIN_PORT:-3004}
environment=${ENVIRONMENT:-development}
version=${APP_VERSION:-1.0.0}
module=$build/ngx_leadgen_module.so
url=http://127.0.0.1:$port

step() {
    printf '%-12s %s\n' "$1" "$2"
}

# --- what must be there

check_tools() {
    local tool

    for tool in nginx redis-server supervisord sqitch psql curl openssl; do
        command -v "$tool" > /dev/null \
            || fail "$tool is missing: run 'make deps'."
    done
    "$python" -c '
import importlib.util, sys
sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))' \
        aiosmtpd celery fastapi jinja2 matplotlib numpy psycopg psycopg_pool \
        redis uvicorn 2>/dev/null \
        || fail "Python packages are missing: run 'make deps'."
    [ -e "$module" ] || fail "$module is missing: run 'make'."
    [ -e "$root/dashboard/dist/openapi.json" ] \
        || fail "the dashboard is not built: run 'make dashboard'."
}

check_port() {
    local number=$1 variable=$2 holder

    if ! [[ $number =~ ^[1-9][0-9]{0,4}$ ]] || [ "$number" -gt 65535 ]; then
        fail "$variable=$number is not a port."
    fi
    if grep -qsx "listen 127.0.0.1:$number;" "$run/nginx/conf/local/listen.conf" \
        && process nginx nginx/nginx.pid > /dev/null
    then
        return
    fi
    if holder=$("$here/ports.py" holder "$number"); then
        fail "port $number is taken by $holder: choose another with" \
             "$variable=NUMBER make up."
    fi
}

# PostgreSQL and nginx's workers give up root's rights: where they can't come
# to, as below /root, run is a link to a place where they can.
make_run() {
    local place

    mkdir -p "$run"
    [ -O "$run" ] || fail "$run belongs to $(stat -c %U "$run"):" \
                          "run make as that user, or 'make clean' first."

    if [ "$EUID" = 0 ] && ! setpriv --reuid www-data --regid www-data \
                            --clear-groups test -x "$run"
    then
        place=/var/lib/leadgen-$(printf %s "$run" | sha256sum | cut -c1-12)
        rmdir "$run" 2>/dev/null \
            || fail "$run can't be reached by PostgreSQL and nginx: let others" \
                    "pass the folders above it, or 'make clean' first."
        mkdir -p "$place"
        ln -s "$place" "$run"
        step place "$run is a link to $place, which all programs can reach"
        run=$place
    fi

    chmod 755 "$run"
    exec 9> "$run/lock"
    flock -w 120 9 || fail "another 'make up' is under way."
    mkdir -p "$run"/{log,postgres,redis,mail,nginx}
    mkdir -p "$run/secrets"
    chmod 700 "$run"/{log,postgres,redis,mail,secrets}
}

owned_by() {
    local user=$1

    shift
    if [ "$EUID" = 0 ]; then
        chown "$user:" "$@"
    fi
}

as_postgres() {
    if [ "$EUID" = 0 ]; then
        setpriv --reuid postgres --regid postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

# Random, made once.
secret() {
    local file=$run/secrets/$1

    if [ ! -s "$file" ]; then
        (umask 077 && openssl rand -hex 32 > "$file.new")
        mv "$file.new" "$file"
    fi
    cat "$file"
}

# --- starting

is_ours() {
    [[ " ${programs[*]} " = *" $1 "* ]]
}

# All at once: supervisord watches each for a second before it says that it runs.
start() {
    local name starting=()

    for name; do
        is_ours "$name" || continue
        if ! control status "$name" | grep -q RUNNING; then
            control start "$name" > /dev/null 2>&1 8<&- 9>&- &
            starting+=($!)
        fi
    done
    [ ${#starting[@]} = 0 ] || wait "${starting[@]}"
}

# Waits until a command succeeds.
await() {
    local seconds=$1 name=$2 end

    shift 2
    end=$((SECONDS + seconds))
    until "$@" > /dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            tail -n 5 "$run/log/$name.log" >&2 || true
            fail "$name is not ready after $seconds s; see $run/log."
        fi
        sleep 0.1
    done
}

start_supervisor() {
    if [ -n "$was_up" ]; then
        control update > /dev/null
    else
        env -i PATH="$PATH" LANG=C.UTF-8 \
            supervisord -c "$run/supervisord.conf" 8<&- 9>&- \
            || fail "supervisord did not start; see $run/log/supervisord.log."
        await 10 supervisord control pid
    fi
}

start_servers() {
    start postgres redis smtp

    if is_ours postgres; then
        await 60 postgres "$postgres_bin/pg_isready" -h 127.0.0.1 -p "$postgres_port"
        step postgres "listens on 127.0.0.1:$postgres_port"
    fi
    if is_ours redis; then
        REDISCLI_AUTH=$(secret redis) await 30 redis redis-cli -p "$redis_port" ping
        step redis "listens on 127.0.0.1:$redis_port"
    fi
    if is_ours smtp; then
        await 30 smtp "$here/ports.py" holder "$smtp_port"
        step smtp "listens on 127.0.0.1:$smtp_port"
    fi
}

migrate() {
    "$root/sql/migrate" --gateway-role leadgen \
        --gateway-password-file "$run/secrets/database-gateway" \
        --worker-role leadgen_jobs \
        --worker-password-file "$run/secrets/database-worker" \
        > "$run/log/migrate.log" 2>&1 \
        || { tail -n 5 "$run/log/migrate.log" >&2; fail "the database could not be migrated."; }
    "$here/demo.py" "$run/credentials.json" "$run/secrets/database-backend" \
        || fail "the demo users could not be made."
    step database "is migrated, and has the demo users"
}

answers() {
    curl -fsS --max-time 5 -o /dev/null "$1"
}

# Celery binds its mailbox once it is ready.
worker_consumes() {
    REDIS_URL=$REDIS_URL "$python" -c '
import os, sys, redis
with redis.Redis.from_url(os.environ["REDIS_URL"]) as server:
    sys.exit(not server.exists("_kombu.binding.celery.pidbox"))'
}

start_gateway() {
    if [ -n "$nginx_changed" ] && is_running nginx; then
        control signal HUP nginx > /dev/null
    fi
    start backend worker beat nginx

    await 60 backend answers "http://127.0.0.1:$backend_port/api/public/status"
    step backend "listens on 127.0.0.1:$backend_port"

    await 60 worker worker_consumes
    step worker "takes from the queues emails, campaigns and analytics"

    await 30 nginx answers "$url/api/health/readiness"
    await 30 nginx answers "$url/api/public/status"
    step nginx "listens on 127.0.0.1:$port and 127.0.0.1:$admin_port"
}

tell() {
    local shown=${LEADGEN_RUN:-$root/run} mails="your mail server"

    if is_ours smtp; then
        mails=$shown/mail/new
    fi

    cat <<END

The gateway is up:     $url/api/health
Dashboard:             http://127.0.0.1:$admin_port/admin/
What the API takes:    $url/docs/
Users and passwords:   $shown/credentials.json
Settings for a shell:  . $shown/env
Mails arrive in:       $mails
Logs:                  make logs

Log in and ask for campaigns; paste this:

curl -s '$url/api/campaigns?limit=2' -H "Authorization: Bearer \$(curl -s $url/api/auth/login -H 'Content-Type: application/json' -d "\$(sed -n 's/^ *"manager": \({.*}\).*/\1/p' '$shown/credentials.json')" | sed 's/.*"access_token" *: *"\([^"]*\)".*/\1/')"
END
}

programs=()
nginx_changed=
was_up=

check_tools
make_run
if is_up; then
    was_up=1
elif pid=$(supervisor_process); then
    kill "$pid"
fi
[ -n "$was_up" ] || await_end
check_port "$port" LEADGEN_PORT
check_port "$admin_port" LEADGEN_ADMIN_PORT
settle
if is_ours postgres; then
    make_cluster
fi
configure_redis
configure_smtp
configure_dashboard
configure_worker
configure_nginx
configure_supervisor
start_supervisor
start_servers
migrate
start_gateway
tell
