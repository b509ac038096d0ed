#!/bin/sh
# Brings Temporal's two databases to the schema of this version of the tools. Safe to repeat: set-up keeps a newer
# version, and an update starts from the version it finds.
set -eu

SQL_PASSWORD=$(cat "${SECRETS_DIR:-/run/secrets}/temporal_database_password")
export SQL_PASSWORD

schema() {
    temporal-sql-tool --database "$1" setup-schema --version 0.0
    temporal-sql-tool --database "$1" update-schema --schema-name "postgresql/v12/$2"
}

schema temporal temporal
schema temporal_visibility visibility
