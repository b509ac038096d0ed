"""Fixtures of tests that run closures; a `conftest.py` imports them.

Each test that asks for `house` gets a database, a worker and a task queue of its own.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from closure.policy import Policy
from connectors import policy_files
from tests.databases import template_database
from tests.workflows.house import House, HouseBuilder

__all__ = ["house", "houses", "policies", "template_database"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def policies() -> dict[str, Policy]:
    """The policies that ship with the program."""
    return policy_files.load_policies(ROOT / "policies")


@pytest.fixture
def houses(
    client: Client, policies: dict[str, Policy], template_database: Path, tmp_path: Path
) -> HouseBuilder:
    """Builds houses for tests that need an unusual one: other connectors, other policies, no worker."""
    return HouseBuilder(client, policies, template_database, tmp_path)


@pytest.fixture
async def house(houses: HouseBuilder) -> AsyncIterator[House]:
    """A running installation: an empty account platform, the record and a polling worker."""
    async with houses.open() as opened:
        yield opened
