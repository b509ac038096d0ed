#!/bin/sh
# Creates the roles and databases, or brings their passwords up to the secrets. A service of its own and not an
# initdb script: those run once, and a failure half-way would leave a volume that is never finished.
set -eu

secrets=${SECRETS_DIR:-/run/secrets}
for name in postgres_password temporal_database_password closures_database_password; do
    if [ ! -s "$secrets/$name" ]; then
        echo "databases: the secret $secrets/$name is missing or empty; run deploy/docker/secrets.sh" >&2
        exit 2
    fi
done

PGPASSWORD=$(cat "$secrets/postgres_password")
export PGPASSWORD SECRETS_DIR="$secrets"
exec psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --file="$(dirname "$0")/databases.sql"
