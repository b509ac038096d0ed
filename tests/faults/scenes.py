"""The closures that are struck: accounts in which everything happens, carried to each outcome."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from client.faults import NotAnswered, TakesLonger, TemporalFailed
from closure.accounts import BillStatus
from closure.acts import ActKind
from closure.errors import RefusalType, Refused
from closure.events import EventType
from closure.lifecycle import Mode, Outcome, Stage
from closure.messages import StatusDocument
from closure.steps import Step
from connectors.embedded import tables
from connectors.embedded.ledger import MovementReason
from connectors.embedded.refunds import play_answer
from connectors.embedded.tables import RefundAnswer
from local.fast_forward import Arrival
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import TestInstallation
from tests.harness.twilio import WORDS, twilio_account
from tests.harness.waiting import BEYOND, eventually

PATIENCE = timedelta(seconds=60)
"""A struck closure waits for time-outs, among others that do."""

LOOKS = 8
"""At a refund, before it must have turned."""

PATIENCES = 2
"""How often a customer asks again."""

Part = Callable[[], Coroutine[None, None, None]]
"""Of what a customer does."""


async def _open_with_subaccount(
    installation: TestInstallation, account: Mapping[str, object]
) -> AccountDriver:
    account_id = f"acct-{uuid4().hex[:10]}"
    stores = [{"id": "usage", "store": "usage-history", "objects": 3}]
    owned = {"id": f"{account_id}-sub", "balance": {"cash": "7.00"}, "data": stores}
    return await twilio_account(installation, id=account_id, subaccounts=[owned], **account)


async def _open_without_subaccounts(
    installation: TestInstallation, account: Mapping[str, object]
) -> AccountDriver:
    return await twilio_account(installation, subaccounts=(), **account)


async def _open_alone(installation: TestInstallation, account: Mapping[str, object]) -> AccountDriver:
    return await installation.account(**account)


@dataclass(frozen=True)
class Scene:
    """One story. `uncalled` are the port methods that it has no use for, `steps` those that it takes."""

    name: str
    account: Mapping[str, object]
    carry: Callable[[AccountDriver], Awaitable[None]]
    outcome: Outcome
    movements: Sequence[tuple[str, int]]
    """Reason and minor units of what the closure itself moves."""
    uncalled: frozenset[str]
    steps: frozenset[Step]
    acts: frozenset[ActKind] = frozenset({ActKind.CLOSE, ActKind.RENOUNCE, ActKind.CONFIRM})
    is_struck_everywhere: bool = True
    """Whether every port method and step is struck in its turn, or only what the seed draws."""
    told: Sequence[str] = ()
    """What the customer reads of a closure that was opened; by default each turn with a silent period."""
    opens: Callable[[TestInstallation, Mapping[str, object]], Awaitable[AccountDriver]] = _open_alone

    async def open(self, installation: TestInstallation) -> AccountDriver:
        return await self.opens(installation, self.account)

    @property
    def templates(self) -> Sequence[str]:
        silent = ("closure_confirmed", "silence_began", f"closure_{self.outcome.value}")
        return ("closure_opened", *(self.told or silent))


class Customer:
    """The customer's and the clock's part of a closure, one after another."""

    def __init__(self, closing: AccountDriver) -> None:
        self._closing = closing
        self._proof_id: str | None = None
        self._plan_hash: str | None = None

    def parts(self) -> list[Part]:
        """In order; the last is over at the end of the silent period, and not later."""
        return [self.close, self.renounce, self.confirm, self.enter, self.end_silence]

    async def close(self) -> None:
        self._proof_id = self._proof_id or await self._closing.prove()
        document = await insist(lambda: self._closing.close(proof_id=self._proof_id))
        assert document.stage is Stage.BLOCKED, document

    async def renounce(self) -> None:
        document = await insist(lambda: self._closing.renounce(all=True))
        assert document.stage is Stage.READY, document
        self._plan_hash = document.plan_hash

    async def confirm(self) -> None:
        await insist(lambda: self._closing.confirm(plan_hash=self._plan_hash))

    async def enter(self) -> None:
        entered = await self._closing.now() + self._closing.policy.entering_duration
        await arrive(self._closing, entered + BEYOND)
        await self._closing.until(Stage.SILENT, within=PATIENCE)

    async def end_silence(self) -> None:
        silent_until = (await self._closing.status()).silent_until
        assert silent_until is not None
        await arrive(self._closing, silent_until + BEYOND)


async def delete(closing: AccountDriver) -> None:
    """Carries a closure to its deletion."""
    for part in Customer(closing).parts():
        await part()


async def restore(closing: AccountDriver) -> None:
    """As `delete`, but usage of before turns up as a bill."""
    *parts, end_silence = Customer(closing).parts()
    for part in parts:
        await part()
    await closing.insert(tables.bills, id="late", amount=123, status=BillStatus.UNPAID, product="ecs")
    await end_silence()


async def arrive(closing: AccountDriver, moment: datetime) -> None:
    """Moves the clock there, however long a dead worker's closure stands still on the way."""
    while await closing.fast_forward_to(moment) not in (Arrival.ARRIVED, Arrival.ENDED):
        pass


async def insist(act: Callable[[], Awaitable[StatusDocument]]) -> StatusDocument:
    """A customer who gets no answer, or hears that the act has lapsed, asks again for the same thing."""
    for _ in range(PATIENCES):
        try:
            return await act()
        except (NotAnswered, TakesLonger, TemporalFailed):
            continue
        except Refused as refused:
            if refused.type is not RefusalType.ACT_LAPSED:
                raise
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


async def refund_and_delete(closing: AccountDriver) -> None:
    """Under the other procedure, with a subaccount and balances that go back, to the retention's end."""
    delete_after = await _stop(closing)
    rule = closing.policy.refund
    assert rule is not None
    # Not straight to the end: such a clock may pass by a look at the refund that a busy worker is late with.
    await arrive(closing, delete_after - LOOKS * (rule.poll_interval + BEYOND))
    await _look_until(closing, EventType.REFUND_SETTLED)
    await arrive(closing, delete_after + BEYOND)


async def _stop(closing: AccountDriver) -> datetime:
    """Closes and confirms; when the data is to be deleted."""
    proof_id = await closing.prove()
    await insist(lambda: closing.close(proof_id=proof_id, acknowledgements=WORDS))
    plan_hash = (await closing.status()).plan_hash
    await insist(lambda: closing.confirm(plan_hash=plan_hash))
    retained = await closing.until(Stage.RETAINED, within=PATIENCE)
    # A clock that is moved while the refund is being ordered may pass by the looks that follow.
    await eventually(
        lambda: closing.installation.records.get(closing.closure_id),
        lambda recorded: recorded is not None and recorded.state.refund_look_at is not None,
        "the refund has been looked at",
        within=PATIENCE,
    )
    assert retained.delete_after is not None
    return retained.delete_after


async def pay_otherwise(closing: AccountDriver) -> None:
    """As `refund_and_delete`, but the refund fails, and staff pay it another way."""
    delete_after = await _stop(closing)
    await _look_until(closing, EventType.REFUND_STARTED)
    await play_answer(closing.installation.database, closing.account_id, RefundAnswer.FAILED)
    await _look_until(closing, EventType.REFUND_FAILED)
    with suppress(NotAnswered):  # it is written down, and the next look takes it up
        await closing.closures.settle_refund(closing.closure_id, "200.00", "wire 1")
    await _look_until(closing, EventType.REFUND_SETTLED)
    await arrive(closing, delete_after + BEYOND)


async def _look_until(closing: AccountDriver, event: EventType) -> None:
    """By looks in their time: what somebody asks for would be tried again, once more after a crash."""
    rule = closing.policy.refund
    assert rule is not None
    for _ in range(LOOKS):
        if event in await closing.event_types():
            return
        await arrive(closing, await closing.now() + rule.poll_interval + BEYOND)
    raise AssertionError(f"there was never a {event.value}")


async def fall_asleep(closing: AccountDriver) -> None:
    """A soft close: things go, data and money stay (T6)."""
    proof_id = await closing.prove()
    await insist(lambda: closing.close(proof_id=proof_id, mode=Mode.KEEP_DATA))
    plan_hash = (await closing.status()).plan_hash
    await insist(lambda: closing.confirm("", plan_hash=plan_hash))


_NEVER = frozenset(
    {"directory.verify_password", "directory.verify_totp", "directory.person_of", "directory.accounts_of"}
)
_NOTHING_LEFT = frozenset({"billing.hand_over", "refunds.paid_otherwise"})
_NOT_REFUNDED = frozenset({"refunds.attempts", "refunds.order"})
_NO_REFUND = _NOT_REFUNDED | {"refunds.payments"}
_NEVER_RESTORED = frozenset(
    {"access.delete_bindings", "access.close", "data_stores.erase", "data_stores.remaining_objects"}
)
_NO_ROLE = frozenset({"access.create_service_role", "access.delete_service_role"})
_WRITE_OFFS = frozenset({"billing.forfeit", "billing.void_debt"})
_PROMO_AND_DEBT = ((MovementReason.FORFEIT_PROMO, 1500), (MovementReason.VOID_DEBT, 500))
_PROMO_AND_CASH = ((MovementReason.FORFEIT_PROMO, 1500), (MovementReason.FORFEIT_CASH, 20_000))
_GIVEN_UP = frozenset({Step.STOP, Step.RELEASE, Step.WRITE_OFF})
_GONE = frozenset({Step.HAND_OVER, Step.ERASE, Step.BINDINGS, Step.CLOSE, Step.CERTIFY})
_STOPPED = ("closure_confirmed", "account_closed", "refund_started")
_WITHOUT_CHECKLIST = frozenset({ActKind.CLOSE, ActKind.CONFIRM})

SCENES = {
    scene.name: scene
    for scene in (
        Scene(
            name="deleted",
            account=_account("-5.00"),
            carry=delete,
            outcome=Outcome.DELETED,
            movements=_PROMO_AND_DEBT,
            uncalled=_NEVER | _NOTHING_LEFT | _NO_REFUND | {"access.reopen"},
            steps=_GIVEN_UP | {Step.PASS} | _GONE,
        ),
        Scene(
            name="restored",
            account=_account("-5.00"),
            carry=restore,
            outcome=Outcome.RESTORED,
            movements=_PROMO_AND_DEBT,
            uncalled=_NEVER | _NOTHING_LEFT | _NO_REFUND | _NEVER_RESTORED,
            steps=_GIVEN_UP | {Step.REOPEN, Step.CERTIFY},
        ),
        Scene(
            name="deleted-with-balance",
            account=_account("200.00"),
            carry=delete,
            outcome=Outcome.DELETED,
            movements=_PROMO_AND_CASH,
            uncalled=_NEVER | _NOTHING_LEFT | _NO_REFUND | {"access.reopen", "billing.void_debt"},
            steps=_GIVEN_UP | {Step.PASS} | _GONE,
            is_struck_everywhere=False,
        ),
        Scene(
            name="refunded",
            account=_account("200.00"),
            carry=refund_and_delete,
            outcome=Outcome.DELETED,
            movements=(
                (MovementReason.FORFEIT_PROMO, 1500),
                (MovementReason.REFUND_ORDERED, 20_000),
                (MovementReason.REFUND_ORDERED, 700),
            ),
            uncalled=_NEVER | _NOTHING_LEFT | _NO_ROLE | {"access.reopen", "billing.void_debt"},
            steps=_GIVEN_UP | {Step.REFUND} | _GONE,
            acts=_WITHOUT_CHECKLIST,
            told=(*_STOPPED, "refund_settled", "closure_deleted"),
            opens=_open_with_subaccount,
        ),
        Scene(
            name="paid-otherwise",
            account={
                **_account("200.00"),
                "bills": [{"id": "b-1", "amount": "3.00", "status": "unpaid"}],
            },
            carry=pay_otherwise,
            outcome=Outcome.DELETED,
            movements=(
                (MovementReason.FORFEIT_PROMO, 1500),
                (MovementReason.REFUND_ORDERED, 20_000),
                (MovementReason.REFUND_PAID_OTHERWISE, 20_000),
            ),
            uncalled=_NEVER | _NO_ROLE | {"access.reopen", "billing.void_debt"},
            steps=_GIVEN_UP | {Step.REFUND} | _GONE,
            acts=_WITHOUT_CHECKLIST,
            told=(*_STOPPED, "refund_failed", "refund_settled", "closure_deleted"),
            opens=_open_without_subaccounts,
        ),
        Scene(
            name="dormant",
            account=_account("200.00"),
            carry=fall_asleep,
            outcome=Outcome.DORMANT,
            movements=(),
            uncalled=(_NEVER | _NOTHING_LEFT | _NO_ROLE | _NOT_REFUNDED | _WRITE_OFFS | _NEVER_RESTORED)
            | {"access.stop", "access.reopen"},
            steps=frozenset({Step.RELEASE, Step.CERTIFY}),
            acts=_WITHOUT_CHECKLIST,
            told=("account_dormant",),
            opens=_open_with_subaccount,
        ),
    )
}
