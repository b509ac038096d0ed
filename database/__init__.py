"""SQLite and PostgreSQL for the record and the embedded platform: transactions and migrations."""

from database.database import Database, Work, database_time
from database.engine import BUSY_SECONDS, DatabaseUnreachable, parse_url
from database.schema import (
    MigrationSet,
    SchemaMismatch,
    SchemaOutdated,
    SchemaTooNew,
    prepare,
    require_current,
    upgrade,
)

__all__ = [
    "BUSY_SECONDS",
    "Database",
    "DatabaseUnreachable",
    "MigrationSet",
    "SchemaMismatch",
    "SchemaOutdated",
    "SchemaTooNew",
    "Work",
    "database_time",
    "parse_url",
    "prepare",
    "require_current",
    "upgrade",
]
