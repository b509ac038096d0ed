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

from closure.state import ClosureView
from tests.harness.installed_program import InstalledProgram, Json, sample_account

DEADLINE = timedelta(seconds=20)


def workflow_id(account: str) -> str:
    return f"closure/alibaba-cloud/{account}"


@pytest.fixture
def silent_unchanged(installed_program: InstalledProgram, silent_account: str) -> Iterator[str]:
    def look() -> Json:
        document = installed_program.ask("status", silent_account)
        return {**document, "remaining_seconds": None}

    before = look()
    yield silent_account
    assert look() == before


async def test_status_query_returns_what_history_may_hold_of_the_status_document(
    client: Client, installed_program: InstalledProgram, blocked_account: str
) -> None:
    answered = await client.get_workflow_handle(workflow_id(blocked_account)).query("status")
    assert set(answered) == set(ClosureView.model_fields)
    asked = installed_program.ask("status", blocked_account)
    shared = set(asked) & set(answered)
    assert shared > {"closure_id", "stage", "plan_hash", "survey_number", "deadline", "blocking"}
    assert {name: asked[name] for name in shared} == {name: answered[name] for name in shared}


@pytest.mark.parametrize("arguments", [(), (None,), ({},), (["anything"],)], ids=repr)
async def test_recheck_signal_takes_anything(
    client: Client, installed_program: InstalledProgram, blocked_account: str, arguments: tuple[object, ...]
) -> None:
    """As people send it from the Web UI."""
    handle = client.get_workflow_handle(workflow_id(blocked_account))
    await handle.signal("recheck", args=arguments, rpc_timeout=DEADLINE)
    assert installed_program.ask("recheck", blocked_account)["stage"] == "blocked"


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
    """With words instead of an act, and with an act that the record doesn't have."""
    handle = client.get_workflow_handle(workflow_id(silent_unchanged))
    for body, refusal in ((request_body, "MalformedInput"), ({"act_id": uuid4().hex}, "ActNotFound")):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(update, body, id=str(uuid4()), rpc_timeout=DEADLINE)
        assert isinstance(refused.value.cause, ApplicationError)
        assert refused.value.cause.type == refusal


async def test_cancel_and_signals_in_the_silent_period_change_nothing(
    client: Client, installed_program: InstalledProgram, silent_unchanged: str
) -> None:
    handle = client.get_workflow_handle(workflow_id(silent_unchanged))
    await handle.signal("recheck", rpc_timeout=DEADLINE)
    await handle.cancel(rpc_timeout=DEADLINE)
    await handle.signal("no-such-signal", {"a": 1}, rpc_timeout=DEADLINE)
    await handle.query("status", rpc_timeout=DEADLINE)
    assert "cancel_ignored" in str(installed_program.ask("audit", silent_unchanged))


async def test_malformed_start_ends_the_workflow(client: Client, installed_program: InstalledProgram) -> None:
    handle = await client.start_workflow(
        "AccountClosure",
        {"nonsense": True},
        id=f"closure/alibaba-cloud/{uuid4()}",
        task_queue=installed_program.queue,
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result(rpc_timeout=DEADLINE)
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "MalformedInput"


async def test_status_and_audit_when_temporal_has_forgotten(
    client: Client, installed_program: InstalledProgram
) -> None:
    account = "e2e-forgotten"
    installed_program.load(sample_account(account))
    installed_program.make_silent(account)
    installed_program.ask("fast-forward", account, "7d")
    known = installed_program.ask("status", account)
    assert known["outcome"] == "deleted"
    await client.get_workflow_handle(workflow_id(account)).result(rpc_timeout=DEADLINE)
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(account)),
        )
    )
    assert installed_program.ask("status", account) == known
    assert installed_program.ask("status", account, "--closure", known["closure_id"]) == known
    recorded = installed_program.ask("list")["closures"]
    assert account in {closure["account_id"] for closure in recorded}
    assert installed_program.start("audit", account, "--verify", "--json").exit_code == 0


def test_a_changed_audit_event_does_not_verify(installed_program: InstalledProgram) -> None:
    account = "e2e-tampered"
    installed_program.load(sample_account(account))
    closure_id = installed_program.make_ready(account)["closure_id"]
    installed_program.ask("withdraw", account, "--as", "u-main")
    assert installed_program.start("audit", account, "--verify").exit_code == 0
    engine = create_engine(f"sqlite:///{installed_program.folder}/.closure/accounts.db")
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
    finished = installed_program.start("audit", account, "--verify")
    assert finished.exit_code == 1, finished
