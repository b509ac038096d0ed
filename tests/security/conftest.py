from collections.abc import Iterator

import pytest

from deploy.local_address import LocalServer, write_local_server
from deploy.temporal_server import RunningServer
from tests.e2e.driver import PROJECT, Installation, Worker
from tests.workflows.fixtures import house, houses, policies, template_database

__all__ = ["house", "houses", "policies", "template_database"]


@pytest.fixture(scope="session")
def installation(
    temporal_server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A folder as `make up` would leave it, and a worker that runs there."""
    folder = tmp_path_factory.mktemp("security")
    write_local_server(
        LocalServer(temporal_server.address, temporal_server.namespace, ""), folder / ".closure"
    )
    installed = Installation(
        folder,
        {
            "CLOSURE_POLICY_DIR": str(PROJECT / "policies"),
            "CLOSURE_TASK_QUEUE": "account-closure-security",
        },
    )
    worker = Worker(installed)
    yield installed
    worker.stop()
