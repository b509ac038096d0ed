"""The payment provider's part of a refund (T10): each answer, in every currency, with the ledger balanced."""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from closure.accounts import Access
from closure.errors import RefusalType, Refused
from closure.money import Money
from closure.refunds import AttemptState, RefundAttempt
from connectors.embedded import tables
from connectors.embedded.ledger import LedgerAccount, balance, provider_account
from connectors.embedded.refunds import play_answer
from connectors.embedded.tables import LedgerKind, RefundAnswer
from connectors.ports import Platform
from database import Database
from tests.connectors.samples import account, bring_to, count, everything, ledger_sum, load

# A Wednesday, the day before Thanksgiving.
ORDERED = datetime(2026, 11, 25, 12, tzinfo=UTC)
SETTLES = datetime(2026, 12, 1, 12, tzinfo=UTC)
"""Three business days later in the United States: Friday, Monday, Tuesday."""
SECOND = timedelta(seconds=1)
PAYMENTS = [
    {"id": "old", "amount": "50.00", "paid_at": "2026-01-05T00:00:00Z"},
    {"id": "new", "amount": "150.00", "paid_at": "2026-03-05T00:00:00Z"},
]


async def refusal(awaitable: Awaitable[object]) -> RefusalType:
    with pytest.raises(Refused) as refused:
        await awaitable
    return refused.value.type


class Provider:
    """One account with 200.00 of cash and the payment provider that it paid with."""

    def __init__(self, database: Database, platform: Platform, currency: str = "USD") -> None:
        self._database = database
        self._platform = platform
        self.currency = currency

    def money(self, text: str) -> Money:
        return Money.parse(text, self.currency)

    async def order(self, amount: str, payment: str | None = "new", *, key: str = "c-1/refund/a-1/1") -> None:
        await self._platform.refunds.order(
            "a-1", payment, self.money(amount), closure_id="c-1", key=key, time=ORDERED
        )
        assert await ledger_sum(self._database) == 0

    async def answers(self, answer: RefundAnswer) -> None:
        await play_answer(self._database, "a-1", answer)

    async def attempts(self, time: datetime = ORDERED) -> tuple[RefundAttempt, ...]:
        found = await self._platform.refunds.attempts("a-1", closure_id="c-1", time=time)
        assert await ledger_sum(self._database) == 0
        return found

    async def attempt(self, time: datetime = ORDERED) -> tuple[AttemptState, str]:
        (found,) = await self.attempts(time)
        return found.state, str(found.settled)

    async def refundable(self) -> dict[str, str]:
        found = await self._platform.refunds.payments("a-1")
        return {each.payment_id: str(each.refundable) for each in found}

    async def cash(self) -> str:
        return str((await self._platform.billing.statement("a-1")).cash)

    async def under_way(self) -> str:
        refunds = provider_account(LedgerKind.REFUNDS, self.currency)
        return str(await self._database.read(lambda connection: balance(connection, refunds)))

    async def outside(self) -> int:
        """What has come in from outside less what went back, in minor units below zero."""
        external = LedgerAccount("", LedgerKind.EXTERNAL_PAYMENTS, self.currency)
        return (await self._database.read(lambda connection: balance(connection, external))).minor


@pytest.fixture
async def provider(database: Database, platform: Platform) -> Provider:
    await load(database, account(balance={"cash": "200.00", "promo": "15.00"}, payments=PAYMENTS))
    return Provider(database, platform)


async def test_t10_a_refund_leaves_the_account_at_once_and_settles_in_three_business_days(
    provider: Provider,
) -> None:
    await provider.order("150.00")
    assert (await provider.cash(), await provider.under_way()) == ("50.00", "150.00")
    assert await provider.attempt(SETTLES - SECOND) == (AttemptState.PENDING, "0.00")
    assert await provider.attempt(SETTLES) == (AttemptState.SETTLED, "150.00")
    assert (await provider.cash(), await provider.under_way()) == ("50.00", "0.00")
    assert await provider.outside() == -50_00
    later = await provider.attempt(SETTLES + timedelta(days=30))
    assert later == (AttemptState.SETTLED, "150.00"), "asked again, it has not settled twice"
    assert await provider.outside() == -50_00


async def test_the_provider_can_settle_at_once(provider: Provider) -> None:
    await provider.order("150.00")
    await provider.answers(RefundAnswer.SETTLED)
    assert await provider.attempt() == (AttemptState.SETTLED, "150.00")


async def test_a_part_settles_and_the_rest_stays_under_way_until_the_answer_changes(
    provider: Provider,
) -> None:
    await provider.order("50.01")
    await provider.answers(RefundAnswer.PARTIAL)
    for time in (ORDERED, SETTLES + timedelta(days=30)):  # the answer sticks
        assert await provider.attempt(time) == (AttemptState.PENDING, "25.00")
        assert (await provider.cash(), await provider.under_way()) == ("149.99", "25.01")
    await provider.answers(RefundAnswer.SETTLED)
    assert await provider.attempt() == (AttemptState.SETTLED, "50.01")
    assert await provider.under_way() == "0.00"


async def test_a_failed_refund_is_back_on_the_account_but_for_what_had_arrived(provider: Provider) -> None:
    await provider.order("100.00")
    await provider.answers(RefundAnswer.PARTIAL)
    await provider.attempts()
    await provider.answers(RefundAnswer.FAILED)
    assert await provider.attempt() == (AttemptState.FAILED, "50.00")
    assert (await provider.cash(), await provider.under_way()) == ("150.00", "0.00")
    assert await provider.refundable() == {"old": "50.00", "new": "100.00"}
    await provider.answers(RefundAnswer.SETTLED)
    assert await provider.attempt() == (AttemptState.FAILED, "50.00"), "failed is final"
    assert await provider.cash() == "150.00"


async def test_an_answer_sticks_to_orders_to_come(provider: Provider) -> None:
    await provider.answers(RefundAnswer.FAILED)
    await provider.order("100.00", key="k-1")
    assert [each.state for each in await provider.attempts()] == [AttemptState.FAILED]
    await provider.order("100.00", key="k-2")
    assert [each.state for each in await provider.attempts()] == [AttemptState.FAILED] * 2
    await provider.answers(RefundAnswer.SETTLED)
    await provider.order("100.00", key="k-3")
    assert [each.state for each in await provider.attempts()] == [
        AttemptState.FAILED, AttemptState.FAILED, AttemptState.SETTLED,
    ]  # fmt: skip
    assert await provider.cash() == "100.00"


async def test_the_same_order_again_is_the_first_one(database: Database, provider: Provider) -> None:
    await provider.order("150.00")
    before = await everything(database)
    await provider.order("150.00")
    await provider.order("1.00")  # whatever it says: the key decides
    assert await everything(database) == before


@pytest.mark.parametrize(
    ("amount", "payment", "type"),
    [
        ("150.01", "new", RefusalType.THING_NOT_ALLOWED),
        ("50.01", "old", RefusalType.THING_NOT_ALLOWED),
        ("200.01", None, RefusalType.THING_NOT_ALLOWED),
        ("1.00", "nobody's", RefusalType.THING_NOT_FOUND),
        ("0.00", "new", RefusalType.MALFORMED_INPUT),
        ("-1.00", None, RefusalType.MALFORMED_INPUT),
    ],
)
async def test_more_than_refundable_or_nothing_at_all_is_refused(
    database: Database, provider: Provider, amount: str, payment: str | None, type: RefusalType
) -> None:
    before = await everything(database)
    assert await refusal(provider.order(amount, payment)) is type
    assert await everything(database) == before


async def test_another_currency_is_refused(database: Database, provider: Provider) -> None:
    provider.currency = "EUR"
    assert await refusal(provider.order("1.00")) is RefusalType.MALFORMED_INPUT


async def test_what_goes_back_is_no_more_refundable(provider: Provider) -> None:
    await provider.order("100.00", key="k-1")
    assert await provider.refundable() == {"old": "50.00", "new": "50.00"}
    assert await refusal(provider.order("50.01", key="k-2")) is RefusalType.THING_NOT_ALLOWED
    await provider.order("50.00", key="k-2")
    await provider.order("50.00", "old", key="k-3")
    assert await provider.refundable() == {"old": "0.00", "new": "0.00"}
    assert await refusal(provider.order("0.01", None, key="k-4")) is RefusalType.THING_NOT_ALLOWED


async def test_a_closure_sees_its_own_refunds_only(platform: Platform, provider: Provider) -> None:
    await provider.order("10.00")
    assert await platform.refunds.attempts("a-1", closure_id="c-2", time=SETTLES) == ()
    assert await provider.refundable() == {"old": "50.00", "new": "140.00"}, "but nobody refunds it twice"


@pytest.mark.parametrize(
    ("currency", "cash", "half"),
    [("JPY", "1001", "500"), ("USD", "10.01", "5.00"), ("KWD", "1.001", "0.500")],
)
async def test_every_currency_has_its_own_decimals(
    database: Database, platform: Platform, currency: str, cash: str, half: str
) -> None:
    await load(database, account(currency=currency, balance={"cash": cash}))
    provider = Provider(database, platform, currency)
    await provider.order(cash, "opening")
    await provider.answers(RefundAnswer.PARTIAL)
    assert await provider.attempt() == (AttemptState.PENDING, half)
    await provider.answers(RefundAnswer.SETTLED)
    assert await provider.attempt() == (AttemptState.SETTLED, cash)
    assert (provider.money(await provider.cash()).minor, await provider.outside()) == (0, 0)


@pytest.mark.parametrize("currency", ["JPY", "USD", "KWD"])
async def test_of_the_smallest_amount_no_part_settles(
    database: Database, platform: Platform, currency: str
) -> None:
    smallest = str(Money(minor=1, currency=currency))
    await load(database, account(currency=currency, balance={"cash": smallest}))
    provider = Provider(database, platform, currency)
    await provider.order(smallest, "opening")
    await provider.answers(RefundAnswer.PARTIAL)
    ((state, settled),) = [await provider.attempt()]
    assert (state, provider.money(settled).minor) == (AttemptState.PENDING, 0)
    await provider.answers(RefundAnswer.SETTLED)
    assert await provider.attempt() == (AttemptState.SETTLED, smallest)


async def test_money_that_came_back_still_goes_when_the_account_is_closed_by_then(
    database: Database, platform: Platform, provider: Provider
) -> None:
    """T5, T10: a subaccount is deleted in time, whatever the payment provider is at."""
    await provider.order("200.00", None)
    await provider.answers(RefundAnswer.FAILED)
    await bring_to(platform, Access.CLOSED)
    assert await provider.attempt() == (AttemptState.FAILED, "0.00")
    assert await provider.refundable() == {}
    await provider.answers(RefundAnswer.SETTLED)
    await provider.order("200.00", None, key="k-2")
    assert [each.state for each in await provider.attempts()] == [AttemptState.FAILED, AttemptState.SETTLED]
    assert (await provider.cash(), await provider.outside()) == ("0.00", 0)


async def test_an_answer_is_about_all_that_the_account_owns(database: Database, platform: Platform) -> None:
    tree = {"a-1": ["b"], "b": ["c"], "c": [], "other": []}
    await load(database, *(account(each, subaccounts=owned) for each, owned in tree.items()))
    await bring_to(platform, Access.CLOSED, "b")
    await play_answer(database, "a-1", RefundAnswer.FAILED)
    row = tables.accounts.c
    found = await database.read(lambda each: each.execute(select(row.id, row.refund_answer)).all())
    assert dict(found) == {
        "a-1": RefundAnswer.FAILED, "b": RefundAnswer.FAILED, "c": RefundAnswer.FAILED, "other": None,
    }  # fmt: skip
    assert (
        await refusal(play_answer(database, "nobody", RefundAnswer.FAILED)) is RefusalType.ACCOUNT_NOT_FOUND
    )


async def test_a_refund_is_evidence_that_outlives_the_account(
    database: Database, platform: Platform, provider: Provider
) -> None:
    await provider.order("10.00")
    await bring_to(platform, Access.CLOSED)
    assert await count(database, tables.refunds) == 1
