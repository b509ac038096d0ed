"""Tests of what only a PostgreSQL server shows."""

from pathlib import Path

import pytest
from temporalio.client import Client

from closure.policy import Policy
from tests.harness.databases import (
    Cluster,
    PostgresqlTemplate,
    ServerDatabases,
    Unavailable,
    postgresql_cluster,
    postgresql_template,
)
from tests.harness.fixtures import policies
from tests.harness.installation import InstallationBuilder

__all__ = ["policies", "postgresql_cluster", "postgresql_template"]


@pytest.fixture
def installations(
    client: Client,
    policies: dict[str, Policy],
    postgresql_cluster: Cluster | Unavailable,
    postgresql_template: PostgresqlTemplate,
    tmp_path: Path,
) -> InstallationBuilder:
    """Installations whose records are on a PostgreSQL server."""
    if isinstance(postgresql_cluster, Unavailable):
        pytest.skip(postgresql_cluster.reason)
    server = ServerDatabases(postgresql_cluster, postgresql_template)
    return InstallationBuilder(client, policies, tmp_path / "none.db", tmp_path, server=server)
