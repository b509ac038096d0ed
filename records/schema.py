"""The record's own migrations; its tables' names start with ``record_``."""

from pathlib import Path

from database.schema import MigrationSet

MIGRATIONS = MigrationSet(
    name="record", directory=Path(__file__).parent / "migrations", version_table="record_version"
)
