# Sourced by up.sh: ports, secrets and URLs go in, configurations below run/
# come out.
# shellcheck shell=bash disable=SC2034,SC2154

# --- settings: ports and URLs

# The URL of our own database for a role.
own_database() {
    echo "postgresql://$1:$(secret "$2")@127.0.0.1:${postgres_port:-0}/leadgen"
}

own_redis() {
    echo "redis://:$(secret redis)@127.0.0.1:${redis_port:-0}/0"
}

own_smtp() {
    echo "smtp://127.0.0.1:${smtp_port:-0}"
}

# The same server as DATABASE_URL's, with another role.
other_role() {
    URL=$DATABASE_URL ROLE=$1 PASSWORD=$(secret "$2") "$python" -c '
import os
from psycopg.conninfo import make_conninfo
env = os.environ
print(make_conninfo(env["URL"], user=env["ROLE"], password=env["PASSWORD"]))'
}

settle_ports() {
    local free name

    # held until up.sh ends: by then their programs listen on them
    exec 8< <("$here/ports.py" hold 4 9>&-)
    read -ra free <&8
    for name in postgres redis smtp backend; do
        local -n number=${name}_port
        if [ -z "${number:-}" ] \
            || { ! is_running "$name" && "$here/ports.py" holder "$number" > /dev/null; }
        then
            number=${free[0]}
        fi
        free=("${free[@]:1}")
    done
}

is_running() {
    [ -n "$was_up" ] && control status "$1" 2>/dev/null | grep -q RUNNING
}

settle() {
    if [ -e "$run/settings" ]; then
        # shellcheck source=/dev/null
        . "$run/settings"
    fi

    # run/env, sourced by the shell that called, is not somebody else's server
    [ "${DATABASE_URL:-}" != "$(own_database leadgen_owner database-owner)" ] \
        || unset DATABASE_URL
    [ "${REDIS_URL:-}" != "$(own_redis)" ] || unset REDIS_URL
    [ "${SMTP_URL:-}" != "$(own_smtp)" ] || unset SMTP_URL

    settle_ports
    postgres_bin=$(bin_of_postgres)

    if [ -n "${DATABASE_URL:-}" ]; then
        gateway_database=$(other_role leadgen database-gateway)
        backend_database=$(other_role leadgen_backend database-backend)
        worker_database=$(other_role leadgen_jobs database-worker)
    else
        programs+=(postgres)
        DATABASE_URL=$(own_database leadgen_owner database-owner)
        gateway_database=$(own_database leadgen database-gateway)
        backend_database=$(own_database leadgen_backend database-backend)
        worker_database=$(own_database leadgen_jobs database-worker)
    fi

    if [ -z "${REDIS_URL:-}" ]; then
        programs+=(redis)
        REDIS_URL=$(own_redis)
    fi

    if [ -z "${SMTP_URL:-}" ]; then
        programs+=(smtp)
        SMTP_URL=$(own_smtp)
    fi

    programs+=(backend worker beat nginx)
    export DATABASE_URL REDIS_URL SMTP_URL

    # shellcheck disable=SC2154
    declare -p postgres_bin postgres_port redis_port smtp_port backend_port \
        | sed 's/^declare -- //' > "$run/settings"
    write_env
}

bin_of_postgres() {
    local version bin

    version=$(cat "$run/postgres/data/PG_VERSION" 2>/dev/null || true)
    bin=$(find "/usr/lib/postgresql/$version" -path '*/bin/initdb' 2>/dev/null \
          | sort -V | tail -n 1)
    [ -n "$bin" ] || fail "there is no PostgreSQL ${version:-server} for" \
        "$run/postgres: install postgresql${version:+-$version}."
    dirname "$bin"
}

write_env() {
    (umask 077 && {
        quote DATABASE_URL "$DATABASE_URL"
        quote REDIS_URL "$REDIS_URL"
        quote SMTP_URL "$SMTP_URL"
        quote LEADGEN_PUBLIC_URL "$url"
        quote LEADGEN_DATABASE_URL "$gateway_database"
        quote BACKEND_DATABASE_URL "$backend_database"
        quote WORKER_DATABASE_URL "$worker_database"
        quote TRACKING_KEY "$(secret tracking.key)"
        quote MAIL_FROM "${MAIL_FROM:-leadgen@example.com}"
        quote MAIL_RETURN_PATH "${MAIL_RETURN_PATH:-bounces@example.com}"
        quote MAIL_QUIET_HOURS "${MAIL_QUIET_HOURS:-off}"
        quote BOUNCE_MAILBOX "${BOUNCE_MAILBOX:-maildir:$run/bounces}"
        quote EXPORT_DIRECTORY "$run/exports"
        quote EXPORT_KEY "$(secret exports.key)"
        quote SENTRY_DSN "${SENTRY_DSN:-}"
        quote ENVIRONMENT "$environment"
        quote APP_VERSION "$version"
    } > "$run/env.new")
    mv "$run/env.new" "$run/env"
}

quote() {
    printf "export %s='%s'\n" "$1" "${2//\'/\'\\\'\'}"
}

# --- configurations

# A cluster that is not whole has another name.
make_cluster() {
    local new=$run/postgres/new data=$run/postgres/data

    owned_by postgres "$run/postgres"
    [ ! -e "$data" ] || return 0

    step postgres "making a cluster"
    rm -rf "$new"
    as_postgres "$postgres_bin/initdb" -D "$new" -U postgres -E UTF8 \
        --locale C.UTF-8 -A reject > "$run/log/initdb.log" 2>&1 \
        || fail "initdb failed; see $run/log/initdb.log."

    # no password, no rule: nobody logs in as the superuser
    as_postgres "$postgres_bin/postgres" --single -D "$new" postgres \
        >> "$run/log/initdb.log" 2>&1 <<END
create role leadgen_owner login createrole password '$(secret database-owner)'
create database leadgen owner leadgen_owner
END
    echo 'host all all 127.0.0.1/32 scram-sha-256' \
        | as_postgres tee "$new/pg_hba.conf" > /dev/null
    mv "$new" "$data"
}

configure_redis() {
    (umask 077 && cat > "$run/redis/redis.conf") <<END
bind 127.0.0.1
port $redis_port
requirepass $(secret redis)
dir $run/redis
pidfile $run/redis/redis.pid
appendonly yes
END
    owned_by redis "$run/redis" "$run/redis/redis.conf"
}

configure_smtp() {
    mkdir -p "$run"/mail/{new,cur,tmp}
    owned_by www-data "$run/mail" "$run"/mail/{new,cur,tmp}
}

# The worker's own copy of its program, and the folders it writes to.
configure_worker() {
    mkdir -p "$run/worker" "$run"/bounces/{new,cur,tmp} "$run/exports"
    # one that runs is in that folder, and reads from it
    if ! diff -rq -x __pycache__ "$root/worker/app" "$run/worker/app" > /dev/null 2>&1
    then
        rm -rf "$run/worker/app"
        cp -r "$root/worker/app" "$run/worker/"
        rm -rf "$run"/worker/app/__pycache__ "$run"/worker/app/*/__pycache__
    fi
    chmod 700 "$run/bounces" "$run/exports"
    owned_by www-data "$run/worker" "$run/bounces" "$run"/bounces/{new,cur,tmp} \
        "$run/exports"
}

# The files of the dashboard; old ones stay for pages that are open.
configure_dashboard() {
    mkdir -p "$run/nginx/html"
    cp -r "$root"/dashboard/dist/. "$run/nginx/html/"
}

# The conf/ of this checkout, and what only this machine knows.
configure_nginx() {
    local prefix=$run/nginx old=$run/nginx/conf new=$run/nginx/conf.new

    mkdir -p "$prefix"/{temp,spool,modules}
    [ -e "$prefix/logs" ] || ln -s ../log "$prefix/logs"
    owned_by www-data "$prefix/spool"
    chmod 700 "$prefix/spool"

    if ! cmp -s "$module" "$prefix/modules/${module##*/}"; then
        cp "$module" "$prefix/modules/new"
        mv "$prefix/modules/new" "$prefix/modules/${module##*/}"
    fi

    rm -rf "$new"
    cp -r "$root/conf" "$new"
    mkdir -p "$new/local"
    secret jwt.key > /dev/null
    ln -s "$run/secrets/jwt.key" "$new/local/jwt.key"
    [ "$EUID" != 0 ] || echo 'user www-data;' > "$new/local/main.conf"
    printf 'listen 127.0.0.1:%s;\n' "$port" "$admin_port" \
        > "$new/local/listen.conf"
    echo "server 127.0.0.1:$backend_port;" > "$new/local/backend.conf"
    echo "leadgen_probe backend http://127.0.0.1:$backend_port/api/public/status;" \
        > "$new/local/probe.conf"
    (umask 077 && cat > "$new/local/files.conf") <<END
alias ../exports/;
secure_link \$arg_signature,\$arg_expires;
secure_link_md5 "\$secure_link_expires\$uri $(secret exports.key)";
END

    # shellcheck source=/dev/null
    (. "$run/env" && nginx -q -t -p "$prefix/" -c conf.new/nginx.conf \
        -e logs/error.log) || fail "nginx does not take conf/."

    if diff -rq "$old" "$new" > /dev/null 2>&1; then
        rm -rf "$new"
    else
        nginx_changed=1
        rm -rf "$old"
        mv "$new" "$old"
    fi
}

digest() {
    cat "$@" | sha256sum | cut -c1-16
}

# A program starts anew when its RELEASE is another.
configure_supervisor() {
    local socket=$run/supervisor.sock name release

    # an address of a socket has 107 bytes at most; supervisor adds a pid
    if [ ${#socket} -gt 95 ]; then
        socket=$(sed -n 's,^file = \(/tmp/.*\),\1,p' "$run/supervisord.conf" \
                 2>/dev/null || true)
        [ -d "${socket%/*}" ] && [ -O "${socket%/*}" ] \
            || socket=$(mktemp -d /tmp/leadgen-XXXXXX)/supervisor.sock
    fi

    rm -rf "$run/backend"
    cp -r "$root/docker/backend" "$run/backend"

    {
        cat <<END
[unix_http_server]
file = $socket
chmod = 0700

[supervisord]
logfile = $run/log/supervisord.log
pidfile = $run/supervisord.pid
childlogdir = $run/log
directory = $run
$([ "$EUID" != 0 ] || echo "user = root")

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl = unix://$socket
END
        for name in "${programs[@]}"; do
            case $name in
            postgres) release=$postgres_bin:$postgres_port ;;
            redis) release=$(digest "$run/redis/redis.conf") ;;
            smtp) release=$smtp_port ;;
            backend)
                release=$(find "$run/backend" -type f -print0 | sort -z \
                          | xargs -0 cat "$run/env" "$run/settings" | digest)
                ;;
            worker | beat)
                release=$(find "$run/worker/app" -type f -print0 | sort -z \
                          | xargs -0 cat "$run/env" "$run/settings" | digest)
                ;;
            nginx) release=$(digest "$module" "$run/env") ;;
            esac
            cat <<END

[program:$name]
command = "$here/start.sh" $name
environment = LEADGEN_RUN="$run",RELEASE="$release"
stdout_logfile = $run/log/$name.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 2
redirect_stderr = true
autostart = false
autorestart = true
startsecs = 1
startretries = 10
stopwaitsecs = 30
END
            case $name in
            postgres) echo "stopsignal = INT" ;;
            nginx) echo "stopsignal = QUIT" ;;
            esac
        done
    } > "$run/supervisord.conf.new"
    mv "$run/supervisord.conf.new" "$run/supervisord.conf"
}
