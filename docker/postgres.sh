#!/bin/sh
# Run once, by the database's image: the role of the example backend, which makes
# its tables itself, in a schema of its own.
set -eu

psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
    -v password="$BACKEND_PASSWORD" <<'END'
create role leadgen_backend login password :'password';
select format('grant create on database %I to leadgen_backend', current_database()) \gexec
END
