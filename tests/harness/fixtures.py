"""Fixtures of tests that run closures; a `conftest.py` imports them.

Each test that asks for `installation` gets a database, a worker and a task queue of its own.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from closure.policy import Policy
from connectors import policy_files
from tests.harness.databases import ServerDatabases, server_databases, template_database
from tests.harness.installation import InstallationBuilder, TestInstallation

__all__ = ["installation", "installations", "policies", "server_databases", "template_database"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def policies() -> dict[str, Policy]:
    """The policies that ship with the program."""
    return policy_files.load_policies(ROOT / "policies")


@pytest.fixture
def installations(
    client: Client,
    policies: dict[str, Policy],
    template_database: Path,
    server_databases: ServerDatabases | None,
    tmp_path: Path,
) -> InstallationBuilder:
    """Builds unusual installations for tests that need one: other connectors, other policies, no worker."""
    return InstallationBuilder(client, policies, template_database, tmp_path, server=server_databases)


@pytest.fixture
async def installation(installations: InstallationBuilder) -> AsyncIterator[TestInstallation]:
    """A running installation: an empty account platform, the record and a polling worker."""
    async with installations.open() as opened:
        yield opened
