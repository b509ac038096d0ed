from collections.abc import Iterator

import pytest

from deploy.temporal_server import RunningServer
from tests.e2e.driver import TASK_QUEUE, Installation, Worker, installed, sample_account


@pytest.fixture(scope="session")
def installation(
    temporal_server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A folder as `make up` would leave it, and a worker that runs there."""
    there = installed(temporal_server, tmp_path_factory.mktemp("e2e"), TASK_QUEUE)
    worker = Worker(there)
    yield there
    assert worker.stop() == 0, "the worker ends 0 on SIGTERM"
    assert any("worker has ended" in line for line in worker.log)


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
