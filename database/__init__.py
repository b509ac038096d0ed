"""SQLite and PostgreSQL for the record and the embedded platform: engines, transactions, migrations."""

from database.engine import DatabaseUnreachable, create_engine, reading, transaction
from database.schema import (
    MigrationSet,
    SchemaMismatch,
    SchemaOutdated,
    SchemaTooNew,
    prepare,
    upgrade,
)

__all__ = [
    "DatabaseUnreachable",
    "MigrationSet",
    "SchemaMismatch",
    "SchemaOutdated",
    "SchemaTooNew",
    "create_engine",
    "prepare",
    "reading",
    "transaction",
    "upgrade",
]
