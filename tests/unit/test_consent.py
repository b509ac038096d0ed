"""Consent covers what is less, never what is more."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.consent import covers, uncovered
from closure.lifecycle import Mode
from closure.messages import ItemCategory
from closure.plan import AccountPlan, Plan, PlanItem, PlannedErasure, PlannedRetention

IDS = ("a", "b", "c", "d")


@dataclass(frozen=True)
class Drawn:
    """What a plan takes of one account, as sets and minor units."""

    releases: frozenset[str]
    cancellations: frozenset[str]
    erasures: frozenset[str]
    cash: int
    promo: int
    debt: int

    def is_part_of(self, other: "Drawn") -> bool:
        return (
            self.releases <= other.releases
            and self.cancellations <= other.cancellations
            and self.erasures <= other.erasures
            and self.cash <= other.cash
            and self.promo <= other.promo
            and self.debt <= other.debt
        )


DRAWN = st.builds(
    Drawn,
    releases=st.frozensets(st.sampled_from(IDS)),
    cancellations=st.frozensets(st.sampled_from(IDS)),
    erasures=st.frozensets(st.sampled_from(IDS)),
    cash=st.integers(0, 3),
    promo=st.integers(0, 3),
    debt=st.integers(0, 3),
)


def amount(minor: int) -> str | None:
    return f"0.0{minor}" if minor else None


def account(name: str, drawn: Drawn, **more: object) -> AccountPlan:
    return AccountPlan.model_validate(
        {
            "account_id": name,
            "currency": "USD",
            "releases": (tuple(sorted(drawn.releases)),),
            "cancellations": tuple(sorted(drawn.cancellations)),
            "erasures": tuple(
                PlannedErasure(store_id=each, store="s", objects=1) for each in sorted(drawn.erasures)
            ),
            "forfeited_cash": amount(drawn.cash),
            "forfeited_promo": amount(drawn.promo),
            "voided_debt": amount(drawn.debt),
            **more,
        }
    )


def plan(drawn: Drawn, subaccounts: dict[str, Drawn] | None = None, /, **more: object) -> Plan:
    return Plan.model_validate(
        {
            **account("org", drawn).model_dump(),
            "policy": "acme",
            "policy_version": "1",
            "policy_hash": "0" * 64,
            "mode": Mode.DELETE,
            "deletes_bindings": True,
            "subaccounts": [account(name, each).model_dump() for name, each in (subaccounts or {}).items()],
            **more,
        }
    )


NOTHING = Drawn(frozenset(), frozenset(), frozenset(), 0, 0, 0)
TREES = st.tuples(DRAWN, st.dictionaries(st.sampled_from(("x", "y")), DRAWN))


@given(TREES)
def test_every_plan_covers_itself(tree: tuple[Drawn, dict[str, Drawn]]) -> None:
    assert covers(plan(*tree), plan(*tree))


@given(TREES, TREES)
def test_a_plan_is_covered_exactly_when_it_takes_no_more_of_any_account(
    consented: tuple[Drawn, dict[str, Drawn]], now: tuple[Drawn, dict[str, Drawn]]
) -> None:
    no_more = now[0].is_part_of(consented[0]) and all(
        name in consented[1] and each.is_part_of(consented[1][name]) for name, each in now[1].items()
    )
    assert covers(plan(*consented), plan(*now)) is no_more
    assert bool(uncovered(plan(*consented), plan(*now))) is not no_more


@given(TREES, TREES, TREES)
def test_what_covers_a_plan_that_covers_a_third_covers_the_third(
    first: tuple[Drawn, dict[str, Drawn]],
    second: tuple[Drawn, dict[str, Drawn]],
    third: tuple[Drawn, dict[str, Drawn]],
) -> None:
    one, two, three = plan(*first), plan(*second), plan(*third)
    if covers(one, two) and covers(two, three):
        assert covers(one, three)


@pytest.mark.parametrize(
    "more",
    [
        {"mode": Mode.KEEP_DATA},
        {"policy_hash": "1" * 64},
        {"account_id": "other"},
        {"currency": "EUR"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_another_mode_policy_account_or_currency_is_never_covered(more: dict[str, object]) -> None:
    assert not covers(plan(NOTHING), plan(NOTHING, **more))


def test_what_the_law_keeps_must_stay_kept_as_it_was() -> None:
    kept = PlannedRetention(store_id="s-1", store="invoices", objects=1, retained_as="accounting")
    other = kept.model_copy(update={"retained_as": "tax"})
    assert covers(plan(NOTHING, retained=[kept]), plan(NOTHING, retained=[kept]))
    assert not covers(plan(NOTHING, retained=[kept]), plan(NOTHING, retained=[other]))
    erased = Drawn(frozenset(), frozenset(), frozenset({"s-1"}), 0, 0, 0)
    assert not covers(plan(NOTHING, retained=[kept]), plan(erased))


def test_a_refund_is_consented_to_as_a_rule_and_usage_may_take_of_it() -> None:
    ten = {"refund": "10.00", "refundable": "100.00"}
    for now in ({**ten, "refund": "9.00"}, {**ten, "refund": None}, {**ten, "refund": "60.00"}):
        assert covers(plan(NOTHING, **ten), plan(NOTHING, **now))
    assert plan(NOTHING, **ten).plan_hash == plan(NOTHING, **{**ten, "refund": "9.00"}).plan_hash


def test_a_chargeback_is_not_covered_and_is_told() -> None:
    before = plan(NOTHING, refund="100.00", refundable="100.00")
    now = plan(NOTHING, refund="100.00", refundable="60.00")
    assert uncovered(before, now) == ("~ refundable 60.00 USD instead of 100.00",)


def item(name: str, category: ItemCategory) -> PlanItem:
    return PlanItem(item_id=name, category=category)


def test_a_new_thing_to_handle_elsewhere_is_not_covered_but_holds_and_unread_sources_are_no_things() -> None:
    found = [
        item("domains/new.example", ItemCategory.MANUAL),
        item("legal-hold", ItemCategory.MANUAL),
        item("subaccount/x/legal-hold", ItemCategory.MANUAL),
        item("unknown/billing", ItemCategory.UNKNOWN),
        item("balance", ItemCategory.RENOUNCEABLE),
    ]
    assert uncovered(plan(NOTHING), plan(NOTHING, items=found)) == ("+ domains/new.example",)
    assert covers(plan(NOTHING, items=found), plan(NOTHING, items=found))
    assert covers(plan(NOTHING, items=found), plan(NOTHING))


def test_what_is_beyond_consent_is_said_in_words() -> None:
    more = Drawn(frozenset({"i-2"}), frozenset({"s-2"}), frozenset({"oss-2"}), 950, 0, 5)
    now = plan(NOTHING).model_copy(
        update={
            "releases": (("i-2",),),
            "cancellations": ("s-2",),
            "erasures": (PlannedErasure(store_id="oss-2", store="s", objects=1),),
            "forfeited_cash": "950.00",
            "voided_debt": "5.00",
            "subaccounts": (account("sub", more.__class__(more.releases, *(frozenset(),) * 2, 0, 0, 0)),),
        }
    )
    assert uncovered(plan(NOTHING), now) == (
        "+ release i-2",
        "+ cancel s-2",
        "+ erase oss-2",
        "~ forfeit 950.00 USD instead of 0",
        "~ void a debt of 5.00 USD instead of 0",
        "+ subaccount sub",
    )
