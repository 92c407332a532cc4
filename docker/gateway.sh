#!/bin/sh
# What the gateway's image runs: `migrate` brings the database up to date, and
# without an argument nginx serves.
#
# LEADGEN_JWT_KEY, TRACKING_KEY, EXPORT_KEY   secrets
# LEADGEN_BACKEND                             host:port of the application
set -eu

prefix=/var/lib/leadgen

if [ "${1:-}" = migrate ]; then
    cd /tmp
    umask 077
    printf '%s\n' "$GATEWAY_PASSWORD" > gateway
    printf '%s\n' "$WORKER_PASSWORD" > worker
    exec /usr/share/leadgen/sql/migrate \
        --gateway-role leadgen --gateway-password-file /tmp/gateway \
        --worker-role leadgen_jobs --worker-password-file /tmp/worker
fi

mkdir -p "$prefix/temp" "$prefix/spool" "$prefix/logs"
ln -sfn /usr/share/leadgen/dashboard "$prefix/html"
ln -sfn /usr/lib/nginx/modules "$prefix/modules"
ln -sf /dev/stderr "$prefix/logs/error.log"
ln -sf /dev/stdout "$prefix/logs/access.log"
cp -r /etc/leadgen/conf "$prefix/"
mkdir -p "$prefix/conf/local"
cd "$prefix/conf/local"
umask 077
printf '%s\n' "$LEADGEN_JWT_KEY" > jwt.key
echo 'user www-data;' > main.conf
echo 'listen 8000;' > listen.conf
echo "server $LEADGEN_BACKEND;" > backend.conf
cat > files.conf <<END
alias /var/lib/leadgen-exports/;
secure_link \$arg_signature,\$arg_expires;
secure_link_md5 "\$secure_link_expires\$uri $EXPORT_KEY";
END
# a new volume is open to all: the spool holds personal data
chown www-data: "$prefix/spool"
chmod 700 "$prefix/spool"
exec nginx -p "$prefix/" -c conf/nginx.conf -e stderr -g 'daemon off;'
