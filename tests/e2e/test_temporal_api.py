"""What can be sent past the commands: raw signals, updates, cancels and starts, and a forgotten workflow."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.e2e.driver import TASK_QUEUE, Installation, Json, sample_account
from tests.e2e.test_shapes import check_status

DEADLINE = timedelta(seconds=20)


def workflow_id(account: str) -> str:
    return f"closure/alibaba-cloud/{account}"


@pytest.fixture
def silent_unchanged(installation: Installation, silent_account: str) -> Iterator[str]:
    def look() -> Json:
        document = installation.ask("status", silent_account)
        return {**document, "remaining_seconds": None}

    before = look()
    yield silent_account
    assert look() == before


async def test_status_query_returns_the_status_document(
    client: Client, installation: Installation, blocked_account: str
) -> None:
    answered = await client.get_workflow_handle(workflow_id(blocked_account)).query("status")
    check_status(answered)
    asked = installation.ask("status", blocked_account)
    assert {**asked, "remaining_seconds": None, "web_url": None} == answered


@pytest.mark.parametrize("arguments", [(), (None,), ({},), (["anything"],)], ids=repr)
async def test_recheck_signal_takes_anything(
    client: Client, installation: Installation, blocked_account: str, arguments: tuple[object, ...]
) -> None:
    """As people send it from the Web UI."""
    handle = client.get_workflow_handle(workflow_id(blocked_account))
    await handle.signal("recheck", args=arguments, rpc_timeout=DEADLINE)
    assert installation.ask("recheck", blocked_account)["stage"] == "blocked"


@pytest.mark.parametrize(
    ("update", "request_body"),
    [
        ("withdraw", {"actor": "u-main"}),
        ("renounce", {"actor": "u-main", "all": True, "accept_risk": True}),
        ("confirm", {"actor": "u-main", "reason": "r"}),
    ],
)
async def test_updates_in_the_silent_period_are_refused(
    client: Client, silent_unchanged: str, update: str, request_body: Json
) -> None:
    handle = client.get_workflow_handle(workflow_id(silent_unchanged))
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update(update, request_body, id=str(uuid4()), rpc_timeout=DEADLINE)
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "Irrevocable"


async def test_cancel_and_signals_in_the_silent_period_change_nothing(
    client: Client, installation: Installation, silent_unchanged: str
) -> None:
    handle = client.get_workflow_handle(workflow_id(silent_unchanged))
    await handle.signal("recheck", rpc_timeout=DEADLINE)
    await handle.cancel(rpc_timeout=DEADLINE)
    await handle.signal("no-such-signal", {"a": 1}, rpc_timeout=DEADLINE)
    await handle.query("status", rpc_timeout=DEADLINE)
    assert "cancel_ignored" in str(installation.ask("audit", silent_unchanged))


async def test_malformed_start_ends_the_workflow(client: Client) -> None:
    handle = await client.start_workflow(
        "AccountClosure",
        {"nonsense": True},
        id=f"closure/alibaba-cloud/{uuid4()}",
        task_queue=TASK_QUEUE,
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result(rpc_timeout=DEADLINE)
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "MalformedInput"


async def test_status_and_audit_when_temporal_has_forgotten(
    client: Client, installation: Installation
) -> None:
    account = "e2e-forgotten"
    installation.load(sample_account(account))
    installation.make_silent(account)
    installation.ask("fast-forward", account, "7d")
    known = installation.ask("status", account)
    assert known["outcome"] == "deleted"
    await client.get_workflow_handle(workflow_id(account)).result(rpc_timeout=DEADLINE)
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(account)),
        )
    )
    assert installation.ask("status", account) == known
    assert installation.ask("status", account, "--closure", known["closure_id"]) == known
    recorded = installation.ask("list", "--record")["closures"]
    assert account in {closure["account_id"] for closure in recorded}
    assert installation.start("audit", account, "--verify", "--json").exit_code == 0


def test_a_changed_audit_event_does_not_verify(installation: Installation) -> None:
    account = "e2e-tampered"
    installation.load(sample_account(account))
    closure_id = installation.make_ready(account)["closure_id"]
    installation.ask("withdraw", account, "--as", "u-main")
    assert installation.start("audit", account, "--verify").exit_code == 0
    engine = create_engine(f"sqlite:///{installation.folder}/.closure/accounts.db")
    with engine.begin() as connection:
        names = connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'record_events'")
        )
        for (name,) in names.all():
            connection.execute(
                text(f"DROP TRIGGER {name}")
            )  # as somebody with the keys to the database would
        changed = connection.execute(
            text("UPDATE record_events SET actor = 'u-ram' WHERE closure_id = :id AND event = 'withdrawn'"),
            {"id": closure_id},
        )
        assert changed.rowcount == 1
    engine.dispose()
    finished = installation.start("audit", account, "--verify")
    assert finished.exit_code == 1, finished
