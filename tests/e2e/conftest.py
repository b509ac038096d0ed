from collections.abc import AsyncIterator, Iterator

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from deploy.local_address import LocalServer, write_local_server
from deploy.temporal_server import RunningServer, start_local_server
from tests.e2e.driver import PROJECT, Installation, Worker, sample_account


@pytest.fixture(scope="session")
async def e2e_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    """A real server for these tests alone: they may delete histories."""
    server = await start_local_server(tmp_path_factory.mktemp("e2e-server"))
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def installation(
    e2e_server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A folder as `make up` would leave it, and a worker that runs there."""
    folder = tmp_path_factory.mktemp("e2e")
    local = LocalServer(e2e_server.address, e2e_server.namespace, "")
    write_local_server(local, folder / ".closure")
    installed = Installation(folder, {"CLOSURE_POLICY_DIR": str(PROJECT / "policies")})
    worker = Worker(installed)
    yield installed
    assert worker.stop() == 0, "the worker ends 0 on SIGTERM"
    assert any("worker has ended" in line for line in worker.log)


@pytest.fixture(scope="session")
async def client(e2e_server: RunningServer) -> Client:
    return await Client.connect(
        e2e_server.address, namespace=e2e_server.namespace, data_converter=pydantic_data_converter
    )


@pytest.fixture(scope="session")
def blocked_account(installation: Installation) -> str:
    """Blocked by an unpaid bill and a balance; tests must leave it so."""
    account = "e2e-blocked"
    bill = {"id": "b-1", "amount": "18.20", "status": "unpaid"}
    balance = {"cash": "200.00", "promo": "15.00"}
    installation.load(sample_account(account, bills=[bill], balance=balance))
    document = installation.close(account)
    assert document["stage"] == "blocked", document
    return account


@pytest.fixture(scope="session")
def silent_account(installation: Installation) -> str:
    """In its silent period; tests must leave it so."""
    account = "e2e-silent"
    installation.load(sample_account(account, balance={"cash": "1.00", "promo": "0.00"}))
    installation.make_silent(account)
    return account
