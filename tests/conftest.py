"""One real local Temporal server for the whole test run, started when the first test asks for it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import settings
from temporalio.client import Client

from deploy.temporal_server import RunningServer, start_local_server, stop_local_server
from keys.data_converter import build_data_converter

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


def pytest_unconfigure() -> None:
    """The SDK's threads can abort the interpreter when it ends while they still work."""
    time.sleep(0.3)
