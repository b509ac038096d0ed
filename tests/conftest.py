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

from deploy.temporal_server import RunningServer, start_local_server, stop_local_server
from keys.data_converter import build_data_converter

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


# Folders with the longest tests come first: what is left for the end is short, and all processes stay busy.
LONGEST_FIRST = ("faults", "e2e", "security", "deploy_files", "deploy", "workflows", "transport", "replay")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.relative_to(TESTS).parts[0], len(order)))


def pytest_collection_finish() -> None:
    """What has been imported stays: collecting garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """The SDK's threads can abort the interpreter when it ends while they still work."""
    time.sleep(0.3)
