"""An installation as tests drive it, from outside: the platform, the record, Temporal's API and a clock."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
from sqlalchemy import Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import EventType as HistoryEventType
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowHistory,
    WorkflowUpdateFailedError,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from closure.accounts import Access, BillStatus
from closure.lifecycle import Mode, Stage
from closure.messages import (
    ApproveRequest,
    CloseRequest,
    ClosureInput,
    ConfirmRequest,
    IdentityMethod,
    RenounceRequest,
    StatusDocument,
    WithdrawRequest,
)
from closure.model import WireModel
from closure.policy import Policy
from connectors.embedded import EmbeddedPlatform, tables
from database.engine import create_engine, reading, transaction
from deploy.fast_forward import Arrival, closure_clock, fast_forward
from records.anchors import AnchorFile
from records.closures import ClosureRecords
from records.entries import AuditEvent, EventType
from records.tables import record_proofs
from tests.workflows.accounts import load_account
from worker import build_worker
from workflows.search_attributes import CLOSURE_ACCOUNT, CLOSURE_PROVIDER

PATIENCE = timedelta(seconds=20)
"""How long anything may take that only needs the worker and the server."""

# A server whose clock is stopped in the very milliseconds in which a closure starts its next timer skips that
# one as well.
BEYOND = timedelta(seconds=30)
"""Fast-forwards end so long after the timer that they are for."""

LONGEST_PAUSE = 0.3
"""Seconds between two looks. Each is a query that the worker answers: what is watched closely gets slower."""

DEADLOCK_DETECTED = "TMPRL1101"
"""The SDK's code for workflow code that did not yield in time."""

Found = TypeVar("Found")
Platforms = Callable[[EmbeddedPlatform], EmbeddedPlatform]


class TookTooLong(AssertionError):
    """What a test waited for did not happen."""


async def eventually(
    read: Callable[[], Awaitable[Found]],
    wanted: Callable[[Found], bool],
    what: str,
    *,
    within: timedelta = PATIENCE,
) -> Found:
    """Reads again and again until the answer is the wanted one.

    Raises:
        TookTooLong: with what was read last.
    """
    deadline = asyncio.get_running_loop().time() + within.total_seconds()
    pause = 0.02
    while not wanted(found := await read()):
        if asyncio.get_running_loop().time() > deadline:
            raise TookTooLong(f"{what}: not within {within.seconds} s; last seen: {found!r}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return found


@dataclass(frozen=True)
class House:
    """One installation. `platform` is what the worker sees, fakes included."""

    client: Client
    engine: AsyncEngine
    database: Path
    platform: EmbeddedPlatform
    records: ClosureRecords
    policies: Mapping[str, Policy]
    task_queue: str

    @property
    def signing_key_file(self) -> Path:
        """Beside the database; the worker makes it."""
        return self.database.with_suffix(".pem")

    @property
    def anchor_file(self) -> Path:
        """As the signing key."""
        return self.database.with_suffix(".anchors.jsonl")

    async def account(self, **account: object) -> "Closing":
        """Loads an account (the account file's keys; anything left out is empty) and returns its driver."""
        account_id = f"acct-{uuid4().hex[:10]}"
        loaded = {
            "id": account_id,
            "provider": "alibaba-cloud",
            "kind": "standard",
            "currency": "USD",
            "users": [
                {"id": "u-1", "role": "main", "email": f"owner@{account_id}.example", "phone": "+15550100"},
                {"id": "u-2", "role": "ram", "email": f"dev@{account_id}.example"},
            ],
            **account,
        }
        await load_account(self.engine, loaded)
        return Closing(self, str(loaded["id"]), str(loaded["provider"]))

    async def rows(self, table: Table, account_id: str) -> list[Mapping[str, object]]:
        """The platform's rows of one account."""
        owner = table.c.id if table is tables.accounts else table.c.account_id
        async with reading(self.engine) as connection:
            found = await connection.execute(select(table).where(owner == account_id))
            return [dict(row) for row in found.mappings()]


class Closing:
    """One account's closures, as its owner and the world outside drive them."""

    def __init__(self, house: House, account_id: str, provider: str) -> None:
        self.house = house
        self.account_id = account_id
        self.provider = provider
        self.closure_id = f"{account_id}-closure-1"

    @property
    def workflow_id(self) -> str:
        return f"closure/{self.provider}/{self.account_id}"

    @property
    def handle(self) -> WorkflowHandle[object, StatusDocument | None]:
        """Without a run id: always the latest run."""
        return self.house.client.get_workflow_handle(self.workflow_id, result_type=StatusDocument)

    @property
    def policy(self) -> Policy:
        return self.house.policies[self.provider]

    @property
    def method(self) -> IdentityMethod:
        """The way of proving who one is that the provider's policy accepts."""
        policy = self.house.policies.get(self.provider)
        return policy.identity.methods[0] if policy else IdentityMethod.EMAIL_CODE

    async def prove(
        self,
        user: str = "u-1",
        *,
        account_id: str | None = None,
        age: timedelta | None = None,
        method: IdentityMethod | None = None,
    ) -> str:
        """A proof of identity, as a checked code or password leaves it in the record."""
        proof_id = uuid4().hex
        async with transaction(self.house.engine) as connection:
            await connection.execute(
                insert(record_proofs).values(
                    proof_id=proof_id,
                    account_id=account_id or self.account_id,
                    user_id=user,
                    method=(method or self.method).value,
                    created_at=datetime.now(UTC) - (age or timedelta()),
                )
            )
        return proof_id

    # Acts of the customer.

    async def close(
        self,
        actor: str = "u-1",
        *,
        proof_id: str | None = None,
        agree: bool = True,
        policy: str | None = None,
        mode: Mode = Mode.DELETE,
        acknowledgements: tuple[str, ...] = (),
    ) -> StatusDocument:
        """Starts the closure and returns the first checklist."""
        closure_input = ClosureInput(
            closure_id=self.closure_id,
            account_id=self.account_id,
            provider=self.provider,
            policy=policy or self.provider,
            mode=mode,
        )
        start: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
            "AccountClosure",
            closure_input,
            id=self.workflow_id,
            task_queue=self.house.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(CLOSURE_PROVIDER, self.provider),
                    SearchAttributePair(CLOSURE_ACCOUNT, self.account_id),
                ]
            ),
        )
        request = CloseRequest(
            actor=actor,
            proof_id=proof_id or await self.prove(actor),
            agree=agree,
            acknowledgements=acknowledgements,
        )
        return await self.house.client.execute_update_with_start_workflow(
            "close",
            request,
            start_workflow_operation=start,
            id=f"{self.closure_id}/close",
            result_type=StatusDocument,
            rpc_timeout=PATIENCE,
        )

    async def start_again(self, **options: object) -> StatusDocument:
        """The next closure of the same account."""
        number = int(self.closure_id.rpartition("-")[2]) + 1
        self.closure_id = f"{self.account_id}-closure-{number}"
        return await self.close(**options)  # type: ignore[arg-type]

    async def renounce(
        self, *item_ids: str, all: bool = False, accept_risk: bool = True, actor: str = "u-1"
    ) -> StatusDocument:
        return await self.update(
            "renounce",
            RenounceRequest(actor=actor, item_ids=item_ids, all=all, accept_risk=accept_risk),
        )

    async def confirm(
        self,
        reason: str = "no longer needed",
        *,
        plan_hash: str | None = None,
        actor: str = "u-1",
        proof_id: str | None = None,
        phrase: str | None = None,
        update_id: str | None = None,
    ) -> StatusDocument:
        request = ConfirmRequest(
            actor=actor, reason=reason, plan_hash=plan_hash, proof_id=proof_id, phrase=phrase
        )
        return await self.update("confirm", request, update_id=update_id)

    async def approve(
        self, plan_hash: str, *, actor: str = "u-3", proof_id: str | None = None
    ) -> StatusDocument:
        request = ApproveRequest(
            actor=actor, plan_hash=plan_hash, proof_id=proof_id or await self.prove(actor)
        )
        return await self.update("approve", request)

    async def withdraw(self, actor: str = "u-1") -> StatusDocument:
        return await self.update("withdraw", WithdrawRequest(actor=actor))

    async def update(self, name: str, request: WireModel, *, update_id: str | None = None) -> StatusDocument:
        document: StatusDocument = await self.handle.execute_update(
            name,
            request,
            id=update_id or f"{self.closure_id}/{name}/{uuid4().hex}",
            result_type=StatusDocument,
            rpc_timeout=PATIENCE,
        )
        return document

    async def recheck(self) -> StatusDocument:
        """Signals, and returns the document of the survey that follows."""
        before = (await self.status()).survey_number
        await self.handle.signal("recheck")
        return await self.until(
            lambda document: document.survey_number > before and document.stage is not Stage.CHECKING
        )

    # The clock.

    async def now(self) -> datetime:
        """The closure's own clock."""
        return await closure_clock(self.house.client, self.workflow_id)

    async def fast_forward(self, duration: timedelta) -> Arrival:
        return await fast_forward(self.house.client, self.workflow_id, duration)

    async def fast_forward_to(self, moment: datetime) -> Arrival:
        """Moves the clock there, never beyond; no move when it is there already."""
        remaining = moment - await self.now()
        return await self.fast_forward(remaining) if remaining > timedelta() else Arrival.ARRIVED

    # What can be seen.

    async def status(self) -> StatusDocument:
        content = await self.handle.query("status", rpc_timeout=PATIENCE)
        return StatusDocument.model_validate(content)

    async def until(
        self, wanted: Stage | Callable[[StatusDocument], bool], *, within: timedelta = PATIENCE
    ) -> StatusDocument:
        if isinstance(wanted, Stage):
            stage = wanted
            return await eventually(
                self.status, lambda document: document.stage is stage, f"stage {stage.value}", within=within
            )
        return await eventually(self.status, wanted, "the wanted status", within=within)

    async def outcome(self) -> StatusDocument:
        """Waits until the run has ended, and returns its result."""
        result = await asyncio.wait_for(self.handle.result(), PATIENCE.total_seconds())
        assert result is not None
        return result

    async def events(self) -> tuple[AuditEvent, ...]:
        return await self.house.records.events(self.closure_id)

    async def event_types(self) -> list[EventType]:
        return [event.event for event in await self.events()]

    async def until_event(self, wanted: EventType, *, count: int = 1) -> AuditEvent:
        """Waits for the audit event and returns the last of its kind."""
        events = await eventually(
            self.events,
            lambda found: sum(event.event is wanted for event in found) >= count,
            f"audit event {wanted.value}",
        )
        return [event for event in events if event.event is wanted][-1]

    async def history(self) -> WorkflowHistory:
        return await self.handle.fetch_history()

    async def failed_tasks(self) -> list[str]:
        """What the worker said of each workflow task that failed: a closure that is stuck has some.

        One that a busy machine kept waiting for two seconds is not among them: the server gives it out again.
        """
        failures = [
            f"{event.event_id}: {event.workflow_task_failed_event_attributes.failure.message}"
            for event in (await self.history()).events
            if event.event_type == HistoryEventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        ]
        return [failure for failure in failures if DEADLOCK_DETECTED not in failure]

    # The account, as the platform has it.

    async def rows(self, table: Table) -> list[Mapping[str, object]]:
        return await self.house.rows(table, self.account_id)

    async def insert(self, table: Table, **values: object) -> None:
        """Something new turns up in the account."""
        async with transaction(self.house.engine) as connection:
            await connection.execute(insert(table).values(account_id=self.account_id, **values))

    async def remove(self, table: Table, thing_id: str) -> None:
        """The customer has dealt with it elsewhere."""
        async with transaction(self.house.engine) as connection:
            gone = await connection.execute(
                delete(table).where(table.c.account_id == self.account_id, table.c.id == thing_id)
            )
            assert gone.rowcount == 1, f"{table.name} has no {thing_id}"

    async def bill_late_usage(self, minor: int = 123) -> None:
        """Usage turns into an unpaid bill now."""
        await self.insert(
            tables.bills, id=f"late-{uuid4().hex[:6]}", amount=minor, status=BillStatus.UNPAID, product="ecs"
        )

    async def access(self) -> Access:
        (account,) = await self.rows(tables.accounts)
        return Access(str(account["access"]))

    async def templates(self) -> list[str]:
        """The templates of all messages sent, in order."""
        return [str(row["template"]) for row in await self.rows(tables.outbox)]

    async def ready(self, **options: object) -> StatusDocument:
        """Opens the closure and gives up all that can be given up."""
        document = await self.close(**options)  # type: ignore[arg-type]
        if document.stage is Stage.BLOCKED:
            document = await self.renounce(all=True)
        assert document.stage is Stage.READY, document
        return document

    async def retained(self, **options: object) -> StatusDocument:
        """Opens and confirms a closure without a silent period: the account has stopped."""
        await self.ready(**options)
        await self.confirm()
        return await self.until(Stage.RETAINED)

    async def end_of_retention(self) -> None:
        """Well beyond the day on which the data goes."""
        delete_after = (await self.status()).delete_after
        assert delete_after is not None
        await self.fast_forward_to(delete_after + BEYOND)

    async def entering(self) -> StatusDocument:
        """Opens and confirms; the five minutes run."""
        await self.ready()
        document = await self.confirm()
        assert document.stage is Stage.ENTERING, document
        return document

    async def silent(self) -> StatusDocument:
        """Opens, confirms and enters the silent period."""
        await self.entering()
        await self.fast_forward(self.policy.entering_duration + BEYOND)
        return await self.until(Stage.SILENT)

    async def end_of_silence(self) -> None:
        """From the silent period to its end and a little more."""
        silent_until = (await self.status()).silent_until
        assert silent_until is not None
        await self.fast_forward_to(silent_until + BEYOND)


async def refusal(act: Awaitable[object]) -> ApplicationError:
    """The rule's "no" with which an update ends; anything else is an error."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await act
    cause = refused.value.cause
    assert isinstance(cause, ApplicationError), cause
    return cause


class HouseBuilder:
    """Opens houses in one folder on one server."""

    def __init__(self, client: Client, policies: Mapping[str, Policy], template: Path, folder: Path) -> None:
        self._client = client
        self._policies = policies
        self._template = template
        self._folder = folder

    @asynccontextmanager
    async def open(
        self,
        *,
        client: Client | None = None,
        platforms: Platforms = lambda platform: platform,
        policies: Mapping[str, Policy] | None = None,
        with_worker: bool = True,
    ) -> AsyncIterator[House]:
        """A fresh database, a task queue and (unless unwanted) a worker in this process."""
        database = self._folder / f"{uuid4().hex[:8]}.db"
        shutil.copy(self._template, database)
        engine = create_engine(database_url(database))
        house = House(
            client=client or self._client,
            engine=engine,
            database=database,
            platform=platforms(EmbeddedPlatform.connect(engine)),
            records=ClosureRecords(engine),
            policies=policies or self._policies,
            task_queue=f"test-{uuid4().hex[:10]}",
        )
        try:
            if with_worker:
                async with running_worker(house):
                    yield house
            else:
                yield house
        finally:
            await engine.dispose()


@asynccontextmanager
async def running_worker(
    house: House, *, policies: Mapping[str, Policy] | None = None
) -> AsyncIterator[None]:
    """A worker of the house in this process."""
    async with build_worker(
        house.client,
        house.engine,
        dict(policies or house.policies),
        house.task_queue,
        signing_key_file=house.signing_key_file,
        anchors=AnchorFile(house.anchor_file, house.signing_key_file),
        platform=house.platform,
    ):
        yield


def database_url(database: Path) -> str:
    return f"sqlite+aiosqlite:///{database}"


def with_durations(policy: Policy, **changes: object) -> Policy:
    """The policy with other values; tests of policy changes only: all others run the real durations."""
    return policy.model_copy(update=changes)


def item_ids(document: StatusDocument) -> Sequence[str]:
    return [item.item_id for item in document.checklist]


__all__ = [
    "BEYOND",
    "PATIENCE",
    "Closing",
    "House",
    "HouseBuilder",
    "TookTooLong",
    "database_url",
    "eventually",
    "item_ids",
    "refusal",
    "replace",
    "running_worker",
    "with_durations",
]
