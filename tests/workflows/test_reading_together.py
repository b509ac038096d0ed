"""Subaccounts are read many at a time where a platform can; what that leaves out is asked for alone (T4)."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import pytest

from activities.sources import SurveyProgress, read_facts
from closure.money import Money
from closure.survey import Source, SurveyFacts
from connectors.account_reader import READ_TOGETHER, AccountReader, AccountReading
from connectors.ports import Platform
from tests.harness.around import Act, Call, around_ports
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.twilio import twilio_account

OWNED: Final = 3
FOR_A_MOMENT: Final = timedelta(milliseconds=100)
ALONE: Final = {
    "directory.profile",
    "billing.statement",
    "inventory.inventory",
    "directory.relationships",
    "data_stores.stores",
    "holds.is_held",
    "refunds.payments",
}
Change = Callable[[tuple[AccountReading, ...]], object]


@dataclass
class Reader:
    """Answers as the platform's own does, changed; or never."""

    inner: AccountReader
    change: Change
    asked: list[int]

    async def read(self, account_ids: Sequence[str], *, with_payments: bool) -> tuple[AccountReading, ...]:
        self.asked.append(len(account_ids))
        changed = self.change(await self.inner.read(account_ids, with_payments=with_payments))
        if changed is None:
            await asyncio.Event().wait()
        return changed  # type: ignore[return-value]  # it may be senseless


@dataclass
class Look:
    """One look at an account that owns three, and what was asked alone of it and of each of them."""

    facts: SurveyFacts
    own: set[str]
    alone: dict[str, set[str]]
    asked: list[int]


async def look(
    installation: TestInstallation,
    account_id: str,
    change: Change = lambda found: found,
    report: Callable[[SurveyProgress], None] | None = None,
) -> Look:
    alone: dict[str, set[str]] = {}
    asked: list[int] = []

    async def around(call: Call, act: Act) -> object:
        alone.setdefault(str(call.arguments[0]), set()).add(call.name)
        return await act()

    own = installation.platform.accounts
    assert own is not None
    platform: Platform = replace(
        around_ports(installation.platform, around), accounts=Reader(own, change, asked)
    )
    facts = await read_facts(
        platform, account_id, with_payments=True, time_limit=FOR_A_MOMENT * 20, report=report
    )
    return Look(facts, alone.pop(account_id), alone, asked)


async def one_by_one(installation: TestInstallation, account_id: str) -> SurveyFacts:
    platform = replace(installation.platform, accounts=None)
    return await read_facts(platform, account_id, with_payments=True)


def _fails(_: tuple[AccountReading, ...]) -> object:
    raise ConnectionError("billing is away")


def _without_payments_and_holds(found: tuple[AccountReading, ...]) -> object:
    return tuple(each.model_copy(update={"payments": None, "held": None}) for each in found)


def _first_twice(found: tuple[AccountReading, ...]) -> object:
    first, *_ = found
    other = first.model_copy(update={"statement": None})
    return (*found, other)


async def test_what_is_read_together_is_what_is_read_one_by_one(installations: InstallationBuilder) -> None:
    async with installations.open(with_worker=False) as installation:
        account_id = await family(installation)
        seen = await look(installation, account_id)
        assert seen.facts == await one_by_one(installation, account_id)
        assert seen.facts.subaccounts is not None
        assert len(seen.facts.subaccounts) == OWNED
        assert [each.statement.cash for each in seen.facts.subaccounts if each.statement] == [
            Money(minor=minor, currency="USD") for minor in (100, 200, 300)
        ]
        assert (seen.asked, seen.alone) == ([1, OWNED], {})
        assert seen.own == {"directory.subaccounts"}


async def test_who_is_told_how_far_it_is_sees_each_source_of_the_account(
    installations: InstallationBuilder,
) -> None:
    told: list[SurveyProgress] = []
    async with installations.open(with_worker=False) as installation:
        account_id = await family(installation)
        seen = await look(installation, account_id, report=told.append)
        assert seen.facts == await one_by_one(installation, account_id)
    assert (seen.asked, seen.own) == ([OWNED], ALONE | {"directory.subaccounts"})
    assert len(told[-1].done) == len(Source)


@pytest.mark.parametrize(
    ("change", "alone"),
    [
        pytest.param(lambda found: found[1:], {"owned-1": ALONE}, id="one left out"),
        pytest.param(
            _without_payments_and_holds,
            {f"owned-{each}": {"refunds.payments", "holds.is_held"} for each in (1, 2, 3)},
            id="two things left out",
        ),
        pytest.param(_first_twice, {"owned-1": ALONE}, id="one there twice"),
        pytest.param(_fails, {f"owned-{each}": ALONE for each in (1, 2, 3)}, id="it fails"),
        pytest.param(lambda _: "nonsense", {f"owned-{each}": ALONE for each in (1, 2, 3)}, id="nonsense"),
        pytest.param(lambda _: None, {f"owned-{each}": ALONE for each in (1, 2, 3)}, id="it never answers"),
    ],
)
async def test_whatever_is_not_answered_for_many_is_asked_for_alone(
    installations: InstallationBuilder, change: Change, alone: dict[str, set[str]]
) -> None:
    async with installations.open(with_worker=False) as installation:
        account_id = await family(installation)
        seen = await look(installation, account_id, change)
        assert seen.alone == alone
        assert seen.facts == await one_by_one(installation, account_id)


async def test_accounts_that_nobody_asked_for_are_not_among_the_subaccounts(
    installations: InstallationBuilder,
) -> None:
    async with installations.open(with_worker=False) as installation:
        account_id = await family(installation)

        def with_a_stranger(found: tuple[AccountReading, ...]) -> object:
            profile = found[0].profile.model_copy(update={"account_id": "stranger"})
            return (*found, found[0].model_copy(update={"profile": profile}))

        assert (await look(installation, account_id, with_a_stranger)).facts == await one_by_one(
            installation, account_id
        )


async def test_very_many_are_asked_for_in_parts_and_counted(installations: InstallationBuilder) -> None:
    number = 2 * READ_TOGETHER + 1
    told: list[SurveyProgress] = []
    async with installations.open(with_worker=False) as installation:
        account = await twilio_account(
            installation, subaccounts=[{"id": f"many-{each:03}"} for each in range(number)]
        )
        own = installation.platform.accounts
        assert own is not None
        reader = Reader(own, lambda found: found, [])
        facts = await read_facts(
            replace(installation.platform, accounts=reader),
            account.account_id,
            with_payments=True,
            report=told.append,
        )
    assert reader.asked == [READ_TOGETHER, READ_TOGETHER, 1]
    assert [each.profile.account_id for each in facts.subaccounts or ()] == [
        f"many-{each:03}" for each in range(number)
    ]
    assert (told[-1].subaccounts_read, told[-1].subaccounts) == (number, number)


async def family(installation: TestInstallation) -> str:
    """An account with three that it owns, each with things of its own."""
    account = await twilio_account(
        installation,
        subaccounts=[
            {
                "id": f"owned-{each}",
                "balance": {"cash": f"{each}.00"},
                "payments": [{"id": f"p-{each}", "amount": "5.00", "paid_at": "2026-01-01T00:00:00Z"}],
                "bills": [{"id": "b-1", "amount": f"{each}.10", "status": "unpaid"}],
                "resources": [
                    {"id": f"r-{other}", "product": "vm", "depends_on": ["r-1"] if other > 1 else []}
                    for other in range(1, each + 1)
                ],
                "domains": [{"id": f"{each}.example"}],
                "data": [{"id": "s-1", "store": "logs", "objects": each}],
            }
            for each in (1, 2, 3)
        ],
    )
    return account.account_id
