from collections.abc import Iterator

import pytest

from local.temporal_server import RunningServer
from tests.harness.installed_program import TASK_QUEUE, InstalledProgram, Worker, installed, sample_account


@pytest.fixture(scope="session")
def installed_program(
    temporal_server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InstalledProgram]:
    """A folder as `make up` would leave it, and a worker that runs there."""
    there = installed(temporal_server, tmp_path_factory.mktemp("e2e"), TASK_QUEUE)
    worker = Worker(there)
    yield there
    assert worker.stop() == 0, "the worker ends 0 on SIGTERM"
    assert any("worker has ended" in line for line in worker.log)


@pytest.fixture(scope="session")
def blocked_account(installed_program: InstalledProgram) -> str:
    """Blocked by an unpaid bill and a balance; tests must leave it so."""
    account = "e2e-blocked"
    bill = {"id": "b-1", "amount": "18.20", "status": "unpaid"}
    balance = {"cash": "200.00", "promo": "15.00"}
    installed_program.load(sample_account(account, bills=[bill], balance=balance))
    document = installed_program.close(account)
    assert document["stage"] == "blocked", document
    return account


@pytest.fixture(scope="session")
def silent_account(installed_program: InstalledProgram) -> str:
    """In its silent period; tests must leave it so."""
    account = "e2e-silent"
    installed_program.load(sample_account(account, balance={"cash": "1.00", "promo": "0.00"}))
    installed_program.make_silent(account)
    return account
