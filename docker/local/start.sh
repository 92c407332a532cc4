#!/bin/bash
# What supervisord runs: start.sh postgres|redis|smtp|backend|worker|
# beat|nginx.  Each program ends when supervisord is no more, however that ended.
# shellcheck source=docker/local/common.sh
. "$(dirname "$0")/common.sh"

# shellcheck source=/dev/null
. "$run/settings"

# root gives its rights away
as() {
    local user=$1 signal=$2 become=()

    shift 2
    if [ "$EUID" = 0 ] && [ "$user" != root ]; then
        become=(--reuid "$user" --regid "$(id -g "$user")" --init-groups)
    fi
    exec setpriv "${become[@]}" --pdeathsig "$signal" -- "$@"
}

# Workers outlive a master that was killed, and keep its ports.
end_orphans() {
    local master=$1 stat pid name group

    for stat in /proc/[0-9]*/stat; do
        read -r pid name _ _ group _ 2>/dev/null < "$stat" || continue
        if [ "$name" = '(nginx)' ] && [ "$group" = "$master" ]; then
            kill "$pid" || true
        fi
    done
}

# What stands in env for workers goes to them, and nothing else.
celery() {
    # shellcheck source=/dev/null
    . "$run/env"
    cd "$run/worker"
    as www-data TERM env -i PATH="$PATH" LANG=C.UTF-8 HOME="$run/worker" \
        PYTHONDONTWRITEBYTECODE=1 WORKER_DATABASE_URL="$WORKER_DATABASE_URL" \
        REDIS_URL="$REDIS_URL" SMTP_URL="$SMTP_URL" \
        LEADGEN_PUBLIC_URL="$LEADGEN_PUBLIC_URL" TRACKING_KEY="$TRACKING_KEY" \
        MAIL_FROM="$MAIL_FROM" MAIL_RETURN_PATH="$MAIL_RETURN_PATH" \
        MAIL_QUIET_HOURS="$MAIL_QUIET_HOURS" BOUNCE_MAILBOX="$BOUNCE_MAILBOX" \
        EXPORT_DIRECTORY="$EXPORT_DIRECTORY" EXPORT_KEY="$EXPORT_KEY" \
        SENTRY_DSN="$SENTRY_DSN" \
        ENVIRONMENT="$ENVIRONMENT" APP_VERSION="$APP_VERSION" \
        "$python" -m celery -A app.core.celery_app "$@"
}

cd "$run"

# shellcheck disable=SC2154
case $1 in
postgres)
    # after a crash, another process may have got the number of the old one
    process postgres postgres/data/postmaster.pid > /dev/null \
        || rm -f postgres/data/postmaster.pid
    as postgres INT "$postgres_bin/postgres" -D "$run/postgres/data" \
        -c listen_addresses=127.0.0.1 -c port="$postgres_port" \
        -c unix_socket_directories= -c logging_collector=off \
        -c timezone=UTC -c log_timezone=UTC
    ;;

redis)
    as redis TERM redis-server "$run/redis/redis.conf"
    ;;

smtp)
    as www-data TERM env -i PATH="$PATH" LANG=C.UTF-8 HOME="$run/mail" \
        "$python" -m aiosmtpd --nosetuid --smtputf8 \
        --listen "127.0.0.1:$smtp_port" \
        --class aiosmtpd.handlers.Mailbox "$run/mail"
    ;;

backend)
    # shellcheck source=/dev/null
    . "$run/env"
    as www-data TERM env -i PATH="$PATH" DATABASE_URL="$BACKEND_DATABASE_URL" \
        ENVIRONMENT="$ENVIRONMENT" APP_VERSION="$APP_VERSION" \
        PYTHONDONTWRITEBYTECODE=1 \
        "$python" -m uvicorn --app-dir "$run/backend" --host 127.0.0.1 \
        --port "$backend_port" --no-access-log app.main:app
    ;;

worker)
    celery worker -l info -Q emails,campaigns,analytics -c 2
    ;;

beat)
    celery beat -l info
    ;;

nginx)
    if [ -s nginx/nginx.pid ]; then
        end_orphans "$(cat nginx/nginx.pid)"
    fi
    # shellcheck source=/dev/null
    . "$run/env"
    as root QUIT nginx -p "$run/nginx/" -c conf/nginx.conf -e logs/error.log \
        -g 'daemon off;'
    ;;
esac
