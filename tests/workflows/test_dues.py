"""What a procedure leaves due or behind is shown from the plan to the certificate, and billing is told."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from client.planning import Planning
from closure.accounts import DataStore
from closure.certificate import LeftBehind, OwedAmount
from closure.events import DuesHandedOver, EventType
from closure.lifecycle import Outcome, Stage
from closure.messages import Becomes
from closure.policy import Policy
from closure.policy_checks import Inspects
from closure.waiting import WaitingReason
from connectors.embedded import elsewhere, tables
from connectors.embedded.exhibit import show_account
from connectors.embedded.holds import hold, unhold
from connectors.ports import Platform
from tests.harness.books import moved, must_balance
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.twilio import WORDS, retained, told, twilio_account
from tests.workflows.test_refund_parts import certificate_of

DUE = Becomes.STAYS_DUE


class StoresAmidstWhich:
    """Data stores; once the first of them is erased, something `happens`."""

    def __init__(self) -> None:
        self.happens: Callable[[], Awaitable[None]] | None = None

    def over(self, platform: Platform) -> Platform:
        self._inner = platform.data_stores
        return replace(platform, data_stores=self)

    async def stores(self, account_id: str) -> Sequence[DataStore]:
        return await self._inner.stores(account_id)

    async def erase(self, account_id: str, store_id: str, *, key: str) -> int:
        erased = await self._inner.erase(account_id, store_id, key=key)
        happens, self.happens = self.happens, None
        if happens is not None:
            await happens()
        return erased

    async def remaining_objects(self, account_id: str, store_id: str) -> int:
        return await self._inner.remaining_objects(account_id, store_id)


async def test_twilio_lets_debts_stay_due_and_domains_behind_and_says_so_from_plan_to_certificate(
    installation: TestInstallation,
) -> None:
    closing = await twilio_account(
        installation,
        balance={"cash": "-75.00"},
        bills=[{"id": "b-1", "amount": "80.00", "status": "overdue"}],
        credit_notes=[{"id": "cn-1", "amount": "3.00", "status": "open"}],
        domains=[{"id": "example.com"}],
        data=[{"id": "usage", "store": "usage-history", "objects": 12}],
    )
    known = [("bills/b-1", "80.00"), ("credit_notes/cn-1", "3.00"), ("debt", "75.00")]
    found = await Planning(installation.platform, installation.policies).dry_run(closing.account_id)
    assert [(each.kind, each.thing_id, each.amount) for each in found.plan.dues] == [
        (Inspects.BILLS, "b-1", "80.00"),
        (Inspects.CREDIT_NOTES, "cn-1", "3.00"),
        (Inspects.DEBT, None, "75.00"),
    ]
    assert [each.thing_id for each in found.plan.left_behind] == ["example.com"]

    ready = await closing.ready(acknowledgements=WORDS)
    *due, domain = ready.owed
    assert [(each.item_id, each.amount) for each in due] == known
    assert {each.becomes for each in due} == {DUE}
    assert (domain.item_id, domain.becomes) == ("domains/example.com", Becomes.LEFT_BEHIND)
    await closing.confirm()
    await closing.until(Stage.RETAINED)

    await elsewhere.charge(installation.database, closing.account_id, "77.00", "sms")
    await closing.handle.signal("recheck")
    with_late = [*known[:1], ("bills/late-1", "77.00"), *known[1:]]
    await closing.until(lambda document: [(e.item_id, e.amount) for e in document.owed[:-1]] == with_late)

    await closing.end_of_retention()
    ended = await closing.outcome()
    assert ended.outcome is Outcome.DELETED
    assert [(each.check, each.amount) for each in ended.owed] == [
        ("bills", "80.00"),
        ("bills", "77.00"),
        ("credit_notes", "3.00"),
        ("debt", "75.00"),
    ]
    handed = (await closing.until_event(EventType.DUES_HANDED_OVER)).content
    assert isinstance(handed, DuesHandedOver)
    assert (handed.due_ids, handed.things) == ((), ()), "names are forgotten with the account"
    certificate = await certificate_of(installation, closing.closure_id)
    assert certificate.owed == tuple(
        OwedAmount(check=kind, amount=amount, currency="USD", becomes=DUE)
        for kind, amount in (
            ("bills", "80.00"),
            ("bills", "77.00"),
            ("credit_notes", "3.00"),
            ("debt", "75.00"),
        )
    )
    assert certificate.left_behind == (LeftBehind(kind=Inspects.DOMAINS, number=1),)
    shown = await show_account(installation.database, closing.account_id)
    assert {(due.kind, due.id, due.amount) for due in shown.dues} == {
        (Inspects.BILLS, "b-1", "80.00"),
        (Inspects.BILLS, "late-1", "77.00"),
        (Inspects.CREDIT_NOTES, "cn-1", "3.00"),
        (Inspects.DEBT, None, "75.00"),
    }
    await must_balance(installation.database)


async def test_what_stays_due_does_not_change_the_plan_that_was_seen(installation: TestInstallation) -> None:
    closing = await twilio_account(installation)
    seen = await closing.ready(acknowledgements=WORDS)
    await elsewhere.charge(installation.database, closing.account_id, "77.00", "sms")
    assert (await closing.recheck()).plan_hash == seen.plan_hash
    await closing.confirm(plan_hash=seen.plan_hash)
    await closing.until(Stage.RETAINED)


async def test_a_bill_that_came_while_a_hold_stood_is_handed_over_before_the_erasure_goes_on(
    installations: InstallationBuilder,
) -> None:
    """Alibaba's final check is past: the account can't go back, but the bill is not lost with it."""
    stores = StoresAmidstWhich()
    async with installations.open(platforms=stores.over) as installation:
        closing = await installation.account(
            data=[{"id": each, "store": "object-storage", "objects": 3} for each in ("oss-1", "oss-2")]
        )
        stores.happens = lambda: hold(installation.database, closing.account_id, "court order")
        await closing.silent()
        await closing.end_of_silence()
        await closing.until(
            lambda document: (
                document.waiting_for is not None and document.waiting_for.reason == WaitingReason.LEGAL_HOLD
            )
        )
        assert [store["id"] for store in await closing.rows(tables.data_stores)] == ["oss-2"]
        await elsewhere.charge(installation.database, closing.account_id, "500.00", "ecs")
        await unhold(installation.database, closing.account_id)
        await closing.handle.signal("recheck")
        assert (await closing.outcome()).outcome is Outcome.DELETED
        certificate = await certificate_of(installation, closing.closure_id)
        assert [(each.check, each.amount, each.becomes) for each in certificate.owed] == [
            ("bills", "500.00", DUE)
        ]
        (due,) = (await show_account(installation.database, closing.account_id)).dues
        assert (due.id, due.amount) == ("late-1", "500.00")


async def test_nothing_is_erased_while_billing_cannot_say_what_is_due(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await twilio_account(
            installation, data=[{"id": "usage", "store": "usage-history", "objects": 12}]
        )
        await retained(closing)
        weather.unreadable.add("billing")
        await closing.end_of_retention()
        waiting = await closing.until(
            lambda document: document.stage is Stage.DELETING and document.waiting_for is not None
        )
        assert waiting.waiting_for is not None
        assert waiting.waiting_for.reason == WaitingReason.BILLING_UNREADABLE
        assert await closing.rows(tables.data_stores) != []
        weather.unreadable.clear()
        await closing.handle.signal("recheck")
        assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_nothing_due_and_nothing_left_is_no_word_about_it(installation: TestInstallation) -> None:
    closing = await twilio_account(installation)
    await retained(closing)
    await closing.end_of_retention()
    ended = await closing.outcome()
    assert (ended.outcome, ended.owed) == (Outcome.DELETED, ())
    assert EventType.DUES_HANDED_OVER not in await closing.event_types()
    certificate = await certificate_of(installation, closing.closure_id)
    assert (certificate.owed, certificate.left_behind) == ((), ())


async def test_a_bill_is_taken_from_what_goes_back_where_the_policy_says_so(
    installations: InstallationBuilder, policies: Mapping[str, Policy]
) -> None:
    twilio = policies["twilio"]
    taking = twilio.model_copy(
        update={"leaves": {**twilio.leaves, Inspects.BILLS: Becomes.TAKEN_FROM_REFUND}}
    )
    async with installations.open(policies={"twilio": taking}) as installation:
        closing = await twilio_account(
            installation,
            balance={"cash": "100.00"},
            bills=[
                {"id": "b-1", "amount": "80.00", "status": "overdue"},
                {"id": "b-2", "amount": "30.00", "status": "unpaid"},
            ],
        )
        seen = await closing.ready(acknowledgements=WORDS)
        assert [(each.item_id, each.becomes) for each in seen.owed] == [
            ("bills/b-1", Becomes.TAKEN_FROM_REFUND),
            ("bills/b-2", DUE),
        ]
        await closing.confirm()
        await closing.until(Stage.RETAINED)
        await told(closing, EventType.REFUND_STARTED)
        refund = (await closing.status()).refund
        assert refund is not None
        assert refund.amount == "20.00"
        await closing.end_of_retention()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        certificate = await certificate_of(installation, closing.closure_id)
        assert certificate.money is not None
        assert certificate.money.refunded == "20.00"
        assert [(each.amount, each.becomes) for each in certificate.owed] == [
            ("80.00", Becomes.TAKEN_FROM_REFUND),
            ("30.00", DUE),
        ]
        sums = await moved(installation.database)
        assert (sums["refund-settled"], sums["bill-settled"]) == (2000, 8000)
        shown = await show_account(installation.database, closing.account_id)
        assert [(due.id, due.amount) for due in shown.dues] == [("b-2", "30.00")]
        await must_balance(installation.database)
