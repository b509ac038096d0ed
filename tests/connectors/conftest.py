"""Each test gets an empty embedded platform of its own, on SQLite and on PostgreSQL."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.embedded import EmbeddedPlatform
from tests.databases import (
    engine,
    postgresql_cluster,
    postgresql_template,
    prepared_database_url,
    template_database,
)

__all__ = [
    "engine",
    "postgresql_cluster",
    "postgresql_template",
    "prepared_database_url",
    "template_database",
]


@pytest.fixture
def platform(engine: AsyncEngine) -> EmbeddedPlatform:
    return EmbeddedPlatform.connect(engine)
