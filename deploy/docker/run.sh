#!/bin/sh
# Runs one of the program's scripts, with the database password taken from a secret's file.
set -eu

# libpq reads PGPASSWORD where the URL names no password: the secret is in no image, compose file or `docker inspect`,
# and needs no URL quoting.
if [ -n "${CLOSURE_DATABASE_PASSWORD_FILE:-}" ]; then
    if ! PGPASSWORD=$(cat "$CLOSURE_DATABASE_PASSWORD_FILE"); then
        echo "run-closure: cannot read the database password from $CLOSURE_DATABASE_PASSWORD_FILE" >&2
        exit 2
    fi
    export PGPASSWORD
fi

exec python "$@"
