"""A source that answers what can't be kept counts as unreadable: it blocks, and is not asked for ever."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from closure.accounts import (
    Bill,
    BillingStatement,
    BillStatus,
    DataStore,
    Inventory,
    Relationship,
    RelationshipType,
    Resource,
)
from closure.errors import RefusalType
from closure.lifecycle import Stage
from closure.messages import ItemCategory
from closure.money import Money
from closure.refunds import Payment
from connectors.ports import Platform
from tests.harness.account_driver import AccountDriver, item_ids, refusal
from tests.harness.around import Act, Call, around_ports
from tests.harness.installation import InstallationBuilder
from tests.harness.twilio import WORDS, twilio_account

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
UNKEEPABLE = {
    "a lone surrogate": "i-\ud800",
    "NUL": "i-\0",
    "a control character": "i-\n",
    "too long": "i" * 201,
    "nothing": "",
}
NONE = Money.zero("USD")
ANSWERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "inventory.inventory": (
        "inventory",
        lambda text: Inventory(resources=(Resource(resource_id=text, product="ecs"),)),
    ),
    "data_stores.stores": ("data_stores", lambda text: (DataStore(store_id=text, store="s", objects=1),)),
    "directory.relationships": (
        "relationships",
        lambda text: (Relationship(relationship_id=text, type=RelationshipType.PARTNER),),
    ),
    "billing.statement": (
        "billing",
        lambda text: BillingStatement(
            cash=NONE, promo=NONE, bills=(Bill(bill_id=text, amount=NONE, status=BillStatus.UNPAID),)
        ),
    ),
    # These ids are no model's field.
    "directory.subaccounts": ("subaccounts", lambda text: (text,)),
}
SENSELESS: dict[str, tuple[str, str, object]] = {
    "no list": ("data_stores.stores", "data_stores", 5),
    "an object of another kind": ("inventory.inventory", "inventory", {"resources": [{"name": "i-1"}]}),
    "money of another currency": (
        "billing.statement",
        "billing",
        BillingStatement(cash=Money.zero("EUR"), promo=Money.zero("EUR")),
    ),
    "more than an amount can say": (
        "billing.statement",
        "billing",
        {"cash": {"minor": 10**18, "currency": "USD"}, "promo": {"minor": 0, "currency": "USD"}},
    ),
    "a negative number of objects": (
        "data_stores.stores",
        "data_stores",
        [{"store_id": "s-1", "store": "s", "objects": -1}],
    ),
}


class Senseless:
    """One port method answers so until `heal`."""

    def __init__(self, method: str, answer: Callable[[], object]) -> None:
        self._method: str | None = method
        self._answer = answer

    def heal(self) -> None:
        self._method = None

    def over(self, platform: Platform) -> Platform:
        return around_ports(platform, self._around)

    async def _around(self, call: Call, act: Act) -> object:
        return self._answer() if call.name == self._method else await act()


async def blocks_until_it_heals(closing: AccountDriver, source: str, senseless: Senseless) -> None:
    found = await closing.close()
    assert (found.stage, item_ids(found)) == (Stage.BLOCKED, [f"unknown/{source}"])
    assert found.checklist[0].category is ItemCategory.UNKNOWN
    assert found.waiting_for is None
    senseless.heal()
    assert (await closing.recheck()).stage is Stage.READY


@pytest.mark.parametrize("method", ANSWERS)
@pytest.mark.parametrize("text", UNKEEPABLE.values(), ids=UNKEEPABLE)
async def test_an_id_that_the_record_could_not_hold_makes_its_source_unknown(
    installations: InstallationBuilder, method: str, text: str
) -> None:
    source, answer = ANSWERS[method]
    senseless = Senseless(method, lambda: answer(text))
    async with installations.open(platforms=senseless.over) as installation:
        await blocks_until_it_heals(await installation.account(), source, senseless)


@pytest.mark.parametrize(("method", "source", "answer"), SENSELESS.values(), ids=SENSELESS)
async def test_what_is_no_answer_makes_its_source_unknown(
    installations: InstallationBuilder, method: str, source: str, answer: object
) -> None:
    senseless = Senseless(method, lambda: answer)
    async with installations.open(platforms=senseless.over) as installation:
        await blocks_until_it_heals(await installation.account(), source, senseless)


@pytest.mark.parametrize("answer", [None, "", 0])
async def test_no_answer_to_whether_an_account_is_held_is_no_leave_to_destroy_it(
    installations: InstallationBuilder, answer: object
) -> None:
    senseless = Senseless("holds.is_held", lambda: answer)
    async with installations.open(platforms=senseless.over) as installation:
        closing = await installation.account()
        assert (await refusal(closing.close())).type is RefusalType.LEGAL_HOLD
        senseless.heal()
        assert (await closing.close()).stage is Stage.READY


@pytest.mark.parametrize("payment_id", UNKEEPABLE.values(), ids=UNKEEPABLE)
async def test_t10_a_payment_whose_id_could_not_be_kept_blocks_a_refund(
    installations: InstallationBuilder, payment_id: str
) -> None:
    def answer() -> object:
        return (Payment(payment_id=payment_id, paid_at=LONG_AGO, refundable=NONE),)

    senseless = Senseless("refunds.payments", answer)
    async with installations.open(platforms=senseless.over) as installation:
        closing = await twilio_account(installation)
        found = await closing.close(acknowledgements=WORDS)
        assert (found.stage, item_ids(found)) == (Stage.BLOCKED, ["unknown/payments"])


async def test_the_longest_id_is_kept(installations: InstallationBuilder) -> None:
    senseless = Senseless(
        "inventory.inventory",
        lambda: Inventory(resources=(Resource(resource_id="é" * 200, product="ecs", renounceable=True),)),
    )
    async with installations.open(platforms=senseless.over) as installation:
        found = await (await installation.account()).close()
        assert item_ids(found) == [f"resources/{'é' * 200}"]
