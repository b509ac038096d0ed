from collections.abc import Iterator

import pytest

from local.temporal_server import RunningServer
from tests.harness.fixtures import installation, installations, policies, server_databases, template_database
from tests.harness.installed_program import InstalledProgram, Worker, installed
from tests.security.production import production, production_template, productions

__all__ = [
    "installation",
    "installations",
    "policies",
    "production",
    "production_template",
    "productions",
    "server_databases",
    "template_database",
]


@pytest.fixture(scope="session")
def installed_program(
    temporal_server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InstalledProgram]:
    """A folder as `make up` would leave it, and a worker that runs there."""
    there = installed(temporal_server, tmp_path_factory.mktemp("security"), "account-closure-security")
    worker = Worker(there)
    yield there
    worker.stop()
