"""The closures that are struck: accounts in which everything happens, carried to each outcome."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from closure.lifecycle import Outcome, Stage
from closure.messages import RenounceRequest, StatusDocument
from connectors.embedded.ledger import MovementReason
from deploy.fast_forward import Arrival
from tests.workflows.house import BEYOND, Closing, House
from tests.workflows.twilio import WORDS, twilio_account

PATIENCE = timedelta(seconds=60)
"""A struck closure waits for time-outs, among others that do."""

PATIENCES = 2
"""How often a customer asks again."""

Step = Callable[[], Coroutine[None, None, None]]


async def _open_with_subaccount(house: House, account: Mapping[str, object]) -> Closing:
    account_id = f"acct-{uuid4().hex[:10]}"
    stores = [{"id": "usage", "store": "usage-history", "objects": 3}]
    owned = {"id": f"{account_id}-sub", "balance": {"cash": "7.00"}, "data": stores}
    return await twilio_account(house, id=account_id, subaccounts=[owned], **account)


async def _open_alone(house: House, account: Mapping[str, object]) -> Closing:
    return await house.account(**account)


@dataclass(frozen=True)
class Scene:
    """One story. `uncalled` are the port methods that it has no use for."""

    name: str
    account: Mapping[str, object]
    carry: Callable[[Closing], Awaitable[None]]
    outcome: Outcome
    movements: Sequence[tuple[str, int]]
    """Reason and minor units of what the closure itself moves."""
    uncalled: frozenset[str]
    strikes_ports: bool = True
    """Whether every port method is struck, or only what the seed draws."""
    told: Sequence[str] = ()
    """What the customer reads; by default the outcome alone."""
    opens: Callable[[House, Mapping[str, object]], Awaitable[Closing]] = _open_alone

    async def open(self, house: House) -> Closing:
        return await self.opens(house, self.account)

    @property
    def templates(self) -> Sequence[str]:
        return self.told or (f"closure_{self.outcome.value}",)


class Customer:
    """The customer's and the clock's part of a closure, step by step."""

    def __init__(self, closing: Closing) -> None:
        self._closing = closing
        self._proof_id: str | None = None
        self._plan_hash: str | None = None

    def steps(self) -> list[Step]:
        """In order; the last is over at the end of the silent period, and not later."""
        return [self.close, self.renounce, self.confirm, self.enter, self.end_silence]

    async def close(self) -> None:
        self._proof_id = self._proof_id or await self._closing.prove()
        document = await insist(lambda: self._closing.close(proof_id=self._proof_id))
        assert document.stage is Stage.BLOCKED, document

    async def renounce(self) -> None:
        request = RenounceRequest(actor="u-1", all=True, accept_risk=True)
        document = await insist(lambda: self._closing.update("renounce", request, update_id="renounce"))
        assert document.stage is Stage.READY, document
        self._plan_hash = document.plan_hash

    async def confirm(self) -> None:
        await insist(lambda: self._closing.confirm(plan_hash=self._plan_hash, update_id="confirm"))

    async def enter(self) -> None:
        entered = await self._closing.now() + self._closing.policy.entering_duration
        await arrive(self._closing, entered + BEYOND)
        await self._closing.until(Stage.SILENT, within=PATIENCE)

    async def end_silence(self) -> None:
        silent_until = (await self._closing.status()).silent_until
        assert silent_until is not None
        await arrive(self._closing, silent_until + BEYOND)


async def delete(closing: Closing) -> None:
    """Carries a closure to its deletion."""
    for step in Customer(closing).steps():
        await step()


async def restore(closing: Closing) -> None:
    """As `delete`, but usage of before turns up as a bill."""
    *steps, end_silence = Customer(closing).steps()
    for step in steps:
        await step()
    await closing.bill_late_usage()
    await end_silence()


async def arrive(closing: Closing, moment: datetime) -> None:
    """Moves the clock there, however long a dead worker's closure stands still on the way."""
    while await closing.fast_forward_to(moment) not in (Arrival.ARRIVED, Arrival.ENDED):
        pass


async def insist(act: Callable[[], Awaitable[StatusDocument]]) -> StatusDocument:
    """A customer who gets no answer asks again for the same thing, under the same id."""
    for _ in range(PATIENCES):
        try:
            return await act()
        except (WorkflowUpdateRPCTimeoutOrCancelledError, RPCError):
            continue
    return await act()


def _account(cash: str) -> dict[str, object]:
    return {
        "balance": {"cash": cash, "promo": "15.00"},
        "resources": [
            {"id": "a-disk", "product": "ebs", "renounceable": True},
            {"id": "b-vm", "product": "ecs", "renounceable": True, "depends_on": ["a-disk"]},
        ],
        "subscriptions": [
            {
                "id": "rds-1",
                "product": "rds",
                "renounceable": True,
                "expires_at": datetime(2099, 1, 1, tzinfo=UTC),
            }
        ],
        "bindings": [{"id": "bind-1", "third_party": "github"}],
        "data": [
            {"id": "oss-1", "store": "object-storage", "objects": 1200},
            {"id": "log-1", "store": "logs", "objects": 7},
        ],
        "api_keys": [{"id": "k-1"}],
        "sessions": [{"id": "s-1"}],
    }


async def refund_and_delete(closing: Closing) -> None:
    """Under the other procedure, with a subaccount and balances that go back, to the retention's end."""
    proof_id = await closing.prove()
    await insist(lambda: closing.close(proof_id=proof_id, acknowledgements=WORDS))
    plan_hash = (await closing.status()).plan_hash
    await insist(lambda: closing.confirm(plan_hash=plan_hash, update_id="confirm"))
    retained = await closing.until(Stage.RETAINED, within=PATIENCE)
    assert retained.delete_after is not None
    await arrive(closing, retained.delete_after + BEYOND)


_NEVER = frozenset({"directory.verify_password", "directory.verify_totp"})
_NO_REFUND = frozenset({"refunds.payments", "refunds.attempts", "refunds.order"})
_NEVER_RESTORED = frozenset(
    {"access.delete_bindings", "access.close", "data_stores.erase", "data_stores.remaining_objects"}
)
_PROMO_AND_DEBT = ((MovementReason.FORFEIT_PROMO, 1500), (MovementReason.VOID_DEBT, 500))
_PROMO_AND_CASH = ((MovementReason.FORFEIT_PROMO, 1500), (MovementReason.FORFEIT_CASH, 20_000))

SCENES = {
    scene.name: scene
    for scene in (
        Scene(
            name="deleted",
            account=_account("-5.00"),
            carry=delete,
            outcome=Outcome.DELETED,
            movements=_PROMO_AND_DEBT,
            uncalled=_NEVER | _NO_REFUND | {"access.reopen"},
        ),
        Scene(
            name="restored",
            account=_account("-5.00"),
            carry=restore,
            outcome=Outcome.RESTORED,
            movements=_PROMO_AND_DEBT,
            uncalled=_NEVER | _NO_REFUND | _NEVER_RESTORED,
        ),
        Scene(
            name="deleted-with-balance",
            account=_account("200.00"),
            carry=delete,
            outcome=Outcome.DELETED,
            movements=_PROMO_AND_CASH,
            uncalled=_NEVER | _NO_REFUND | {"access.reopen", "billing.void_debt"},
            strikes_ports=False,
        ),
        Scene(
            name="refunded",
            account=_account("200.00"),
            carry=refund_and_delete,
            outcome=Outcome.DELETED,
            movements=((MovementReason.FORFEIT_PROMO, 1500), (MovementReason.REFUND_ORDERED, 20_000)),
            uncalled=_NEVER
            | {
                "access.reopen",
                "access.create_service_role",
                "access.delete_service_role",
                "billing.void_debt",
            },
            told=("account_closed", "refund_started", "refund_settled", "closure_deleted"),
            opens=_open_with_subaccount,
        ),
    )
}
