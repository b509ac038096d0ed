"""One real local Temporal server for the whole test run, started when the first test asks for it."""

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings
from temporalio.client import Client

from keys.data_converter import build_data_converter
from local.temporal_server import RunningServer, start_local_server, stop_local_server
from tests.harness.databases import Backend

TESTS = Path(__file__).resolve().parent

# By hand each run draws other examples; a build that is judged draws the same ones again.
settings.register_profile("drawn", deadline=None, print_blob=True, derandomize="CI" in os.environ)
settings.load_profile("drawn")


@pytest.fixture(scope="session")
async def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    """The server that most tests share. Tests that hurt their server start one of their own."""
    folder = tmp_path_factory.mktemp("temporal")
    yield await start_local_server(folder)
    await asyncio.to_thread(stop_local_server, folder)


@pytest.fixture(scope="session")
async def client(temporal_server: RunningServer) -> Client:
    return await Client.connect(
        temporal_server.address,
        namespace=temporal_server.namespace,
        data_converter=build_data_converter(),
    )


# A process gets a whole file. The files and then the folders that take longest come first: what is left for
# the end is short, and all processes stay busy.
LONGEST_FIRST = (
    *("faults/test_killed_worker.py", "security/test_foreign_workers.py", "security/test_starts.py"),
    *("e2e/test_demo.py", "e2e/test_operating.py", "workflows/test_acts.py", "e2e/test_looking.py"),
    *("security/test_acts_of_strangers.py", "security/test_plain_client_fuzz.py"),
    *("faults", "security", "e2e", "deploy_files", "local", "workflows", "web", "transport", "replay"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        type=Backend,
        default=Backend.SQLITE,
        help="where installations keep their records: postgresql runs only the tests that open one there",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("database") is Backend.POSTGRESQL:
        left_out = [item for item in items if not _runs_on_server(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _runs_on_server(item)]
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}

    def place(item: pytest.Item) -> int:
        file = item.path.relative_to(TESTS)
        return min(order.get(name, len(order)) for name in (file.as_posix(), file.parts[0]))

    items.sort(key=place)


def _runs_on_server(item: pytest.Item) -> bool:
    opens_one = "server_databases" in getattr(item, "fixturenames", ())
    return opens_one and item.get_closest_marker("sqlite") is None


def pytest_itemcollected(item: pytest.Item) -> None:
    """What runs on a PostgreSQL server needs a system package: `make test` leaves it out."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    if Backend.POSTGRESQL in parameters or "postgresql_url" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.postgresql)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where a build is judged, a test that could not run has not passed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if "CI" in os.environ and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collection_finish() -> None:
    """What has been imported stays: collecting garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """The SDK's threads can abort the interpreter when it ends while they still work."""
    time.sleep(0.3)
