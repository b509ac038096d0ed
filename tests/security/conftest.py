from collections.abc import Iterator

import pytest

from deploy.temporal_server import RunningServer
from tests.e2e.driver import Installation, Worker, installed
from tests.workflows.fixtures import house, houses, policies, template_database

__all__ = ["house", "houses", "policies", "template_database"]


@pytest.fixture(scope="session")
def installation(
    temporal_server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A folder as `make up` would leave it, and a worker that runs there."""
    there = installed(temporal_server, tmp_path_factory.mktemp("security"), "account-closure-security")
    worker = Worker(there)
    yield there
    worker.stop()
