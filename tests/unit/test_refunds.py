"""Which payments a refund goes back to, and how it stands (T10)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.messages import RefundState
from closure.money import Money
from closure.refunds import (
    AccountRefund,
    AttemptState,
    Payment,
    PlannedAttempt,
    RefundAttempt,
    next_attempts,
    refund_state,
)
from tests.harness.strategies import NOW

DUE = NOW + timedelta(days=14)
SECOND = timedelta(seconds=1)
PENDING, SETTLED, FAILED = AttemptState.PENDING, AttemptState.SETTLED, AttemptState.FAILED


def usd(minor: int) -> Money:
    return Money(minor=minor, currency="USD")


def payment(name: str, refundable: int, *, age: int = 0) -> Payment:
    """`age` in days."""
    return Payment(payment_id=name, paid_at=NOW - timedelta(days=age), refundable=usd(refundable))


def attempt(
    state: AttemptState, amount: int, settled: int | None = None, *, to: str | None = "p-1", key: str = "k"
) -> RefundAttempt:
    arrived = settled if settled is not None else amount if state is SETTLED else 0
    return RefundAttempt(key=key, payment_id=to, amount=usd(amount), settled=usd(arrived), state=state)


def orders(
    target: int, payments: Iterable[Payment], attempts: Iterable[RefundAttempt] = ()
) -> list[tuple[str | None, int]]:
    planned = next_attempts(usd(target), payments, attempts)
    return [(each.payment_id, each.amount.minor) for each in planned]


def state(target: int, *attempts: RefundAttempt, now: datetime = NOW, due_by: datetime = DUE) -> RefundState:
    return refund_state([AccountRefund(target=usd(target), attempts=attempts)], due_by, now)


# What to order.


def test_the_newest_payment_comes_first_up_to_what_it_can_take() -> None:
    payments = [payment("old", 100, age=9), payment("new", 60, age=1), payment("older", 100, age=10)]
    assert orders(50, payments) == [("new", 50)]
    assert orders(60, payments) == [("new", 60)]
    assert orders(200, payments) == [("new", 60), ("old", 100), ("older", 40)]


def test_payments_of_one_moment_have_one_order_too() -> None:
    payments = [payment("a", 10), payment("b", 10)]
    assert orders(15, payments) == orders(15, reversed(payments)) == [("b", 10), ("a", 5)]


def test_what_no_payment_can_take_goes_back_without_one() -> None:
    assert orders(100, [payment("new", 60)]) == [("new", 60), (None, 40)]
    assert orders(100, []) == [(None, 100)]
    assert orders(100, [payment("empty", 0)]) == [(None, 100)]


def test_what_is_settled_or_under_way_is_not_ordered_again() -> None:
    payments = [payment("p-1", 500)]
    assert orders(100, payments, [attempt(SETTLED, 100)]) == []
    assert orders(100, payments, [attempt(PENDING, 100)]) == []
    assert orders(100, payments, [attempt(PENDING, 100, 40)]) == []
    assert orders(100, payments, [attempt(SETTLED, 30), attempt(PENDING, 30)]) == [("p-1", 40)]
    assert orders(100, payments, [attempt(SETTLED, 70), attempt(PENDING, 70)]) == [], "not even less"


def test_of_a_failed_order_only_what_had_not_arrived_is_ordered_again() -> None:
    assert orders(100, [payment("p-1", 500)], [attempt(FAILED, 100, 40)]) == [("p-1", 60)]


def test_payments_that_a_refund_failed_on_come_after_all_others() -> None:
    payments = [payment("new", 100), payment("old", 70, age=9)]
    assert orders(100, payments, [attempt(FAILED, 100, to="new")]) == [("old", 70), ("new", 30)]
    both = [attempt(FAILED, 100, to="new"), attempt(FAILED, 70, to="old")]
    assert orders(100, payments, both) == [("new", 100)]


def test_what_failed_stays_where_it_is_until_somebody_asks() -> None:
    payments = [payment("new", 100), payment("old", 70, age=9)]
    failed = [attempt(FAILED, 100, to="new")]
    planned = next_attempts(usd(150), payments, failed, try_again=False)
    assert [(each.payment_id, each.amount.minor) for each in planned] == [("old", 70)]
    nobody = [attempt(FAILED, 20, to=None)]
    planned = next_attempts(usd(120), payments[:1], nobody, try_again=False)
    assert [(each.payment_id, each.amount.minor) for each in planned] == [("new", 100)]


def test_a_payment_that_is_listed_twice_takes_the_smaller_amount_once() -> None:
    assert orders(100, [payment("p", 80), payment("p", 50), payment("p", 60)]) == [("p", 50), (None, 50)]


def test_nothing_to_give_back_is_no_order() -> None:
    assert orders(0, [payment("p", 80)]) == []


# How it stands.


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ((), RefundState.PENDING),
        ((attempt(PENDING, 100),), RefundState.PENDING),
        ((attempt(PENDING, 100, 1),), RefundState.PARTLY_SETTLED),
        ((attempt(SETTLED, 60), attempt(PENDING, 40)), RefundState.PARTLY_SETTLED),
        ((attempt(SETTLED, 60),), RefundState.PARTLY_SETTLED),
        ((attempt(FAILED, 100),), RefundState.FAILED),
        ((attempt(FAILED, 100, 99),), RefundState.FAILED),
    ],
)
def test_t10_an_open_refund_is_late_a_second_after_it_was_due_and_not_before(
    attempts: tuple[RefundAttempt, ...], expected: RefundState
) -> None:
    assert state(100, *attempts) is expected
    assert state(100, *attempts, now=DUE) is expected
    assert state(100, *attempts, now=DUE + SECOND) is RefundState.LATE


@pytest.mark.parametrize("now", [NOW, DUE, DUE + SECOND])
def test_what_has_arrived_is_settled_whenever(now: datetime) -> None:
    assert state(100, attempt(SETTLED, 100), now=now) is RefundState.SETTLED
    assert state(100, attempt(FAILED, 100, 40), attempt(SETTLED, 60), now=now) is RefundState.SETTLED


def test_a_failed_refund_stays_failed_while_the_same_payments_are_tried_again() -> None:
    failed = attempt(FAILED, 100, to="p-1")
    assert state(100, failed, attempt(PENDING, 100, to="p-1")) is RefundState.FAILED
    assert state(100, failed, attempt(PENDING, 100, to="p-2")) is RefundState.PENDING
    assert state(100, failed, attempt(PENDING, 100, to=None)) is RefundState.PENDING
    nobody = attempt(FAILED, 100, to=None)
    assert state(100, failed, nobody, attempt(PENDING, 100, to=None)) is RefundState.FAILED


def test_the_same_payment_id_of_another_account_is_another_payment() -> None:
    """Every account has a payment ``opening`` where its file names none."""
    first = AccountRefund(target=usd(10), attempts=(attempt(FAILED, 10, to="opening"),))
    waiting = AccountRefund(target=usd(10), attempts=(attempt(PENDING, 10, to="opening"),))
    arrived = AccountRefund(target=usd(10), attempts=(attempt(SETTLED, 10, to="opening"),))
    assert refund_state([first, waiting], DUE, NOW) is RefundState.FAILED
    assert refund_state([waiting, waiting], DUE, NOW) is RefundState.PENDING
    assert refund_state([arrived, waiting], DUE, NOW) is RefundState.PARTLY_SETTLED
    assert refund_state([arrived, arrived], DUE, DUE + SECOND) is RefundState.SETTLED
    tried = replace_attempts(first, attempt(FAILED, 10, to="opening"), attempt(SETTLED, 10, to="other"))
    assert refund_state([tried, waiting], DUE, NOW) is RefundState.PARTLY_SETTLED, "it failed, but arrived"


def replace_attempts(refund: AccountRefund, *attempts: RefundAttempt) -> AccountRefund:
    return refund.model_copy(update={"attempts": attempts})


def test_one_accounts_surplus_does_not_cover_for_another() -> None:
    surplus = AccountRefund(target=usd(10), attempts=(attempt(SETTLED, 30),))
    missing = AccountRefund(target=usd(10))
    assert refund_state([surplus, missing], DUE, NOW) is RefundState.PARTLY_SETTLED


# Whatever the payments, the orders so far and the provider's answers.

amounts = st.integers(0, 1_000)


@st.composite
def some_payments(draw: st.DrawFn) -> list[Payment]:
    names = draw(st.lists(st.sampled_from("abcd"), max_size=6))  # one may be listed twice
    return [payment(name, draw(amounts), age=draw(st.integers(0, 5))) for name in names]


@st.composite
def some_attempts(draw: st.DrawFn) -> list[RefundAttempt]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        amount = draw(st.integers(1, 1_000))
        how = draw(st.sampled_from(AttemptState))
        settled = amount if how is SETTLED else draw(st.integers(0, amount))
        to = draw(st.sampled_from((None, "a", "b", "c", "d")))
        found.append(attempt(how, amount, settled, to=to, key=f"k-{number}"))
    return found


@given(amounts, some_payments(), some_attempts())
def test_orders_never_exceed_what_a_payment_can_take_nor_what_is_missing(
    target: int, payments: list[Payment], attempts: list[RefundAttempt]
) -> None:
    planned = next_attempts(usd(target), payments, attempts)
    assert all(each.amount.minor > 0 for each in planned)
    named = [each.payment_id for each in planned]
    assert len(named) == len(set(named))
    for each in planned:
        if each.payment_id is not None:
            limits = [one.refundable for one in payments if one.payment_id == each.payment_id]
            assert each.amount <= min(limits)
    settled = sum(each.settled.minor for each in attempts)
    waiting = sum((each.amount - each.settled).minor for each in attempts if each.state is PENDING)
    assert sum(each.amount.minor for each in planned) == max(0, target - settled - waiting)


@dataclass
class PaymentProvider:
    """Answers as a test draws it; keeps to no promise but that final is final."""

    payments: dict[str, Payment]
    attempts: list[RefundAttempt] = field(default_factory=list)

    def can_take(self, name: str) -> int:
        taken = sum(
            (each.settled if each.state is FAILED else each.amount).minor
            for each in self.attempts
            if each.payment_id == name
        )
        return self.payments[name].refundable.minor - taken

    def listed(self) -> list[Payment]:
        return [
            each.model_copy(update={"refundable": usd(self.can_take(name))})
            for name, each in self.payments.items()
        ]

    def take(self, order: PlannedAttempt) -> None:
        name = order.payment_id
        assert name is None or order.amount.minor <= self.can_take(name), "the provider would refuse it"
        self.attempts.append(attempt(PENDING, order.amount.minor, to=name, key=f"k-{len(self.attempts)}"))

    def answer(self, number: int, how: AttemptState, share: int) -> None:
        """`share` in percent of what has not arrived, for what doesn't settle in full."""
        one = self.attempts[number]
        if one.state is not PENDING:
            return
        rest = one.amount.minor - one.settled.minor
        arrived = rest if how is SETTLED else rest * share // 100
        self.attempts[number] = one.model_copy(
            update={"state": how, "settled": usd(one.settled.minor + arrived)}
        )

    @property
    def arrived(self) -> int:
        return sum(each.settled.minor for each in self.attempts)


answers = st.tuples(st.integers(0, 20), st.sampled_from(AttemptState), st.integers(0, 99))


@given(
    st.integers(1, 1_000),
    st.dictionaries(st.sampled_from("abcd"), st.tuples(amounts, st.integers(0, 5)), max_size=4),
    st.lists(st.lists(answers, max_size=4), max_size=8),
)
def test_never_more_than_the_target_goes_back_and_all_of_it_once_the_provider_settles(
    target: int, drawn: dict[str, tuple[int, int]], looks: list[list[tuple[int, AttemptState, int]]]
) -> None:
    payments = {name: payment(name, amount, age=age) for name, (amount, age) in drawn.items()}
    provider = PaymentProvider(payments)

    def look() -> RefundState:
        for order in next_attempts(usd(target), provider.listed(), provider.attempts):
            provider.take(order)
        under_way = sum(
            (each.amount - each.settled).minor for each in provider.attempts if each.state is PENDING
        )
        assert provider.arrived + under_way == target
        return state(target, *provider.attempts)

    for said in looks:
        look()
        for number, how, share in said:
            if provider.attempts:
                provider.answer(number % len(provider.attempts), how, share)
        assert provider.arrived <= target
        assert (state(target, *provider.attempts) is RefundState.SETTLED) is (provider.arrived == target)
    look()
    for number in range(len(provider.attempts)):
        provider.answer(number, SETTLED, 100)
    made = len(provider.attempts)
    assert look() is RefundState.SETTLED
    assert (provider.arrived, len(provider.attempts)) == (target, made), (
        "asked again, nothing more is ordered"
    )
