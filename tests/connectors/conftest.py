"""Each test gets an empty embedded platform of its own, on SQLite and on PostgreSQL."""

import pytest

from connectors.embedded import embedded_platform
from connectors.ports import Platform
from database import Database
from tests.harness.databases import (
    database,
    postgresql_cluster,
    postgresql_template,
    prepared_database_url,
    template_database,
)

__all__ = [
    "database",
    "postgresql_cluster",
    "postgresql_template",
    "prepared_database_url",
    "template_database",
]


@pytest.fixture
def platform(database: Database) -> Platform:
    return embedded_platform(database)
