"""Each test gets an empty embedded platform of its own, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.embedded import MIGRATIONS, EmbeddedPlatform
from database import create_engine, prepare
from tests.postgresql import database_url, postgresql_cluster

__all__ = ["database_url", "postgresql_cluster"]


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url)
    await prepare(engine, MIGRATIONS)
    yield engine
    await engine.dispose()


@pytest.fixture
def platform(engine: AsyncEngine) -> EmbeddedPlatform:
    return EmbeddedPlatform.connect(engine)
