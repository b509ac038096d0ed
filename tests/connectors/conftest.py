"""Each test gets an empty embedded platform of its own, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.embedded import EmbeddedPlatform
from database import create_engine
from tests.databases import (
    database_url,
    postgresql_cluster,
    postgresql_template,
    prepared_database_url,
    template_database,
)

__all__ = [
    "database_url",
    "postgresql_cluster",
    "postgresql_template",
    "prepared_database_url",
    "template_database",
]


@pytest.fixture
async def engine(prepared_database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(prepared_database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def platform(engine: AsyncEngine) -> EmbeddedPlatform:
    return EmbeddedPlatform.connect(engine)
