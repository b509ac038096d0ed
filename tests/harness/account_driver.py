"""One account of an installation, as its owner and the world outside drive it, and what can be seen of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Table, delete, func, insert, select
from temporalio.api.enums.v1 import EventType as HistoryEventType
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import WorkflowHandle, WorkflowHistory

from client import ClosureClient, ProofOfIdentity
from closure.accounts import Access, BillStatus
from closure.acts import ActKind
from closure.errors import Refused
from closure.events import EventType
from closure.lifecycle import Mode, Stage
from closure.messages import IdentityMethod, StatusDocument
from closure.money import Money
from closure.policy import Policy
from closure.state import ClosureView
from connectors.embedded import tables
from connectors.embedded.ledger import LedgerAccount, Movement, MovementReason, post, provider_account
from connectors.embedded.tables import LedgerKind
from local.fast_forward import Arrival, fast_forward
from records.entries import ReadEvent
from records.tables import record_proofs
from temporal.closure_clock import closure_clock
from tests.harness.waiting import BEYOND, PATIENCE, TookTooLong, eventually

if TYPE_CHECKING:
    from tests.harness.installation import TestInstallation

DEADLOCK_DETECTED = "TMPRL1101"
"""The SDK's code for workflow code that did not yield in time."""


class AccountDriver:
    """One account's closures, as its owner and the world outside drive them."""

    def __init__(self, installation: "TestInstallation", account_id: str, provider: str) -> None:
        self.installation = installation
        self.account_id = account_id
        self.provider = provider
        self.closure_id = f"{account_id}-closure-1"

    @property
    def closures(self) -> ClosureClient:
        """The only way in."""
        return self.installation.closures

    @property
    def workflow_id(self) -> str:
        return f"closure/{self.provider}/{self.account_id}"

    @property
    def handle(self) -> WorkflowHandle[object, ClosureView | None]:
        """Without a run id: always the latest run."""
        return self.installation.client.get_workflow_handle(self.workflow_id, result_type=ClosureView)

    @property
    def policy(self) -> Policy:
        return self.installation.policies[self.provider]

    @property
    def method(self) -> IdentityMethod:
        """The way of proving who one is that the provider's policy accepts."""
        policy = self.installation.policies.get(self.provider)
        return policy.identity.methods[0] if policy else IdentityMethod.EMAIL_CODE

    async def prove(
        self,
        user: str = "u-1",
        *,
        account_id: str | None = None,
        age: timedelta | None = None,
        method: IdentityMethod | None = None,
        door: ActKind = ActKind.CLOSE,
    ) -> str:
        """A proof of identity, as a checked code or password leaves it in the record."""
        proof_id = uuid4().hex
        row = {
            "proof_id": proof_id,
            "account_id": account_id or self.account_id,
            "user_id": user,
            "method": (method or self.method).value,
            "door": door.value,
            "created_at": datetime.now(UTC) - (age or timedelta()),
        }
        await self.installation.database.write(
            lambda connection: connection.execute(insert(record_proofs).values(row))
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
        """Starts a closure and returns the first checklist; the driver is that closure's from now on."""
        proof = ProofOfIdentity(proof_id=proof_id or await self.prove(actor))
        try:
            return await self.closures.close(
                self.account_id,
                actor,
                proof,
                policy=policy,
                mode=mode,
                agree=agree,
                acknowledgements=acknowledgements,
            )
        finally:
            asked = await self.installation.records.last_close(self.account_id)
            self.closure_id = asked.closure_id if asked is not None else self.closure_id

    async def renounce(
        self, *item_ids: str, all: bool = False, accept_risk: bool = True, actor: str = "u-1"
    ) -> StatusDocument:
        return await self.closures.renounce(
            self.account_id, actor, item_ids=item_ids, all=all, accept_risk=accept_risk
        )

    async def confirm(
        self,
        reason: str = "no longer needed",
        *,
        plan_hash: str | None = None,
        actor: str = "u-1",
        proof_id: str | None = None,
        phrase: str | None = None,
    ) -> StatusDocument:
        return await self.closures.confirm(
            self.account_id,
            actor,
            reason,
            plan_hash=plan_hash,
            phrase=phrase,
            proof=ProofOfIdentity(proof_id=proof_id),
        )

    async def approve(
        self, plan_hash: str, *, actor: str = "u-3", proof_id: str | None = None
    ) -> StatusDocument:
        proof = ProofOfIdentity(proof_id=proof_id or await self.prove(actor))
        return await self.closures.approve(self.account_id, actor, plan_hash, proof=proof)

    async def withdraw(self, actor: str = "u-1", *, proof_id: str | None = None) -> StatusDocument:
        return await self.closures.withdraw(self.account_id, actor, proof=ProofOfIdentity(proof_id=proof_id))

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
        return await closure_clock(self.installation.client, self.workflow_id)

    async def fast_forward(self, duration: timedelta) -> Arrival:
        return await fast_forward(self.installation.client, self.workflow_id, duration)

    async def fast_forward_to(self, moment: datetime) -> Arrival:
        """Moves the clock there, never beyond; no move when it is there already."""
        remaining = moment - await self.now()
        return await self.fast_forward(remaining) if remaining > timedelta() else Arrival.ARRIVED

    # What can be seen.

    async def status(self) -> StatusDocument:
        """The closure as the record and Temporal have it now."""
        return await self.closures.status(closure_id=self.closure_id)

    async def view(self) -> ClosureView:
        """What the workflow itself answers."""
        return ClosureView.model_validate(await self.handle.query("status", rpc_timeout=PATIENCE))

    async def until(
        self, wanted: Stage | Callable[[StatusDocument], bool], *, within: timedelta = PATIENCE
    ) -> StatusDocument:
        if isinstance(wanted, Stage):
            stage = wanted
            return await eventually(
                self.status, lambda document: document.stage is stage, f"stage {stage.value}", within=within
            )
        return await eventually(self.status, wanted, "the wanted status", within=within)

    async def at_rest(self) -> None:
        """Waits until the run only waits: nothing that it started is under way.

        What is under way when a run is ended is called again, with the same key, by the next.
        """

        async def busy() -> bool:
            description = (await self.handle.describe()).raw_description
            return bool(description.pending_activities) or description.HasField("pending_workflow_task")

        await eventually(busy, lambda found: not found, "the run only waits")

    async def outcome(self) -> StatusDocument:
        """Waits until the run has ended, and returns the closure as it stands then."""
        try:
            await asyncio.wait_for(self.handle.result(), PATIENCE.total_seconds())
        except TimeoutError as late:
            last = [HistoryEventType.Name(event.event_type) for event in (await self.history()).events][-8:]
            raise TookTooLong(f"the outcome; last seen: {await self.status()!r} after {last}") from late
        return await self.status()

    async def events(self) -> tuple[ReadEvent, ...]:
        return await self.installation.records.events(self.closure_id)

    async def event_types(self) -> list[EventType]:
        return [event.event for event in await self.events()]

    async def until_event(self, wanted: EventType, *, count: int = 1) -> ReadEvent:
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

        Those that the server gives out again are not among them: one that a busy machine kept waiting for two
        seconds, and one that would end the run while something for it has come in.
        """
        failures = [
            event.workflow_task_failed_event_attributes
            for event in (await self.history()).events
            if event.event_type == HistoryEventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        ]
        return [
            f"{WorkflowTaskFailedCause.Name(each.cause)}: {each.failure.message}"
            for each in failures
            if each.cause != WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
            and DEADLOCK_DETECTED not in each.failure.message
        ]

    # The account, as the platform has it.

    async def rows(self, table: Table) -> list[Mapping[str, object]]:
        return await self.installation.rows(table, self.account_id)

    async def insert(self, table: Table, **values: object) -> None:
        """Something new turns up in the account."""
        await self.installation.database.write(
            lambda connection: connection.execute(insert(table).values(account_id=self.account_id, **values))
        )

    async def remove(self, table: Table, thing_id: str) -> None:
        """The customer has dealt with it elsewhere."""
        going = delete(table).where(table.c.account_id == self.account_id, table.c.id == thing_id)
        gone = await self.installation.database.write(lambda connection: connection.execute(going).rowcount)
        assert gone == 1, f"{table.name} has no {thing_id}"

    async def bill_late_usage(self, minor: int = 123) -> None:
        """Usage turns into an unpaid bill now."""
        await self.insert(
            tables.bills, id=f"late-{uuid4().hex[:6]}", amount=minor, status=BillStatus.UNPAID, product="ecs"
        )

    async def spend(self, minor: int = 1) -> None:
        """Usage takes of the prepaid cash, as it does all the time."""

        def work(connection: Connection) -> None:
            (currency,) = connection.scalars(
                select(tables.accounts.c.currency).where(tables.accounts.c.id == self.account_id)
            )
            cash = LedgerAccount(self.account_id, LedgerKind.CASH, currency)
            revenue = provider_account(LedgerKind.REVENUE, currency)
            amount, now = Money(minor=minor, currency=currency), datetime.now(UTC)
            name = f"usage/{uuid4().hex}"
            post(connection, [Movement(cash, revenue, amount, MovementReason.USAGE, name, now)])

        await self.installation.database.write(work)

    async def rows_left(self, table: Table) -> int:
        """How many rows of the platform's table are the account's."""
        query = select(func.count()).where(table.c.account_id == self.account_id)
        return await self.installation.database.read(lambda connection: connection.scalar(query) or 0)

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
        delete_after = (await self.until(lambda document: document.delete_after is not None)).delete_after
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
        silent_until = (await self.until(lambda document: document.silent_until is not None)).silent_until
        assert silent_until is not None
        await self.fast_forward_to(silent_until + BEYOND)


async def refusal(act: Awaitable[object]) -> Refused:
    """The rule's "no" with which an act ends; anything else is an error."""
    with pytest.raises(Refused) as refused:
        await act
    return refused.value


def timeless(document: StatusDocument) -> StatusDocument:
    """The document without what time alone changes."""
    return document.model_copy(update={"remaining_seconds": None})


def item_ids(document: StatusDocument) -> Sequence[str]:
    return [item.item_id for item in document.checklist]
