#!/bin/sh
# The server takes its database password from the environment only: set it here, from the secret, so that it is in no
# compose file and no `docker inspect`.
set -eu

POSTGRES_PWD=$(cat "${SECRETS_DIR:-/run/secrets}/temporal_database_password")
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh
