"""Whatever moves late: never more goes back than was there, and nothing is lost."""

from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from closure.messages import RefundState
from closure.money import Money
from closure.refunds import AccountRefund, AttemptState, Payment, RefundAttempt, next_attempts, refund_status
from tests.harness.strategies import NOW

PENDING, SETTLED, FAILED = AttemptState.PENDING, AttemptState.SETTLED, AttemptState.FAILED
DUE = NOW + timedelta(days=14)


def usd(minor: int) -> Money:
    return Money(minor=minor, currency="USD")


@dataclass
class Account:
    """An account at its payment provider: what a look reads, and what a look may order."""

    cash: int
    payments: dict[str, int]
    attempts: list[RefundAttempt] = field(default_factory=list)
    income: int = 0
    usage: int = 0
    paid_otherwise: int = 0

    def look(self, *, is_asked: bool) -> AccountRefund:
        refund = self.read()
        failed = {each.payment_id for each in self.attempts if each.state is FAILED}
        for order in next_attempts(refund.target, self.listed(), refund.attempts, try_again=is_asked):
            assert order.amount.minor <= self.cash, "never more than is there"
            assert is_asked or order.payment_id not in failed, "nobody asked to try that again"
            self.cash -= order.amount.minor
            self.attempts.append(
                RefundAttempt(
                    key=str(len(self.attempts)),
                    payment_id=order.payment_id,
                    amount=order.amount,
                    settled=usd(0),
                    state=PENDING,
                )
            )
        return self.read()

    def read(self) -> AccountRefund:
        return AccountRefund.of(usd(max(0, self.cash)), tuple(self.attempts))

    def listed(self) -> list[Payment]:
        return [
            Payment(payment_id=name, paid_at=NOW, refundable=usd(max(0, amount - self._taken(name))))
            for name, amount in self.payments.items()
        ]

    def answer(self, number: int, state: AttemptState, share: int) -> None:
        """Of a pending order, `share` percent arrive, or all; what fails is back on the account."""
        waiting = [place for place, each in enumerate(self.attempts) if each.state is PENDING]
        if not waiting:
            return
        place = waiting[number % len(waiting)]
        one = self.attempts[place]
        rest = one.amount.minor - one.settled.minor
        arrived = rest if state is SETTLED else rest * share // 100
        settled = usd(one.settled.minor + arrived)
        self.attempts[place] = one.model_copy(update={"state": state, "settled": settled})
        if state is FAILED:
            self.cash += rest - arrived

    def pay_otherwise(self, share: int) -> None:
        """Staff pay part of what failed and lies on the account."""
        payable = min(self.read().failed.minor, max(0, self.cash)) * share // 100
        self.cash -= payable
        self.paid_otherwise += payable

    def _taken(self, name: str) -> int:
        return sum(
            (each.settled if each.state is FAILED else each.amount).minor
            for each in self.attempts
            if each.payment_id == name
        )


amounts = st.integers(1, 1_000)
happenings = st.one_of(
    st.tuples(st.just("look"), st.booleans(), st.just(0), st.just(PENDING)),
    st.tuples(st.just("use"), st.booleans(), amounts, st.just(PENDING)),
    st.tuples(st.just("income"), st.booleans(), amounts, st.just(PENDING)),
    st.tuples(st.just("chargeback"), st.booleans(), amounts, st.just(PENDING)),
    st.tuples(st.just("answer"), st.booleans(), amounts, st.sampled_from(AttemptState)),
    st.tuples(st.just("otherwise"), st.booleans(), st.integers(0, 100), st.just(PENDING)),
)


@given(st.integers(-500, 2_000), st.lists(amounts, max_size=3), st.lists(happenings, min_size=8, max_size=40))
def test_refunded_under_way_paid_otherwise_and_cash_are_what_was_there_and_came_less_what_was_used(
    cash: int, paid: list[int], story: list[tuple[str, bool, int, AttemptState]]
) -> None:
    account = Account(cash, {f"p-{number}": amount for number, amount in enumerate(paid)})
    for what, is_asked, amount, state in story:
        _happen(account, what, is_asked, amount, state)
        refund = account.read()
        under_way = sum(
            each.amount.minor - each.settled.minor for each in account.attempts if each.state is PENDING
        )
        there = cash + account.income - account.usage
        kept = refund.settled.minor + under_way + account.paid_otherwise + account.cash
        assert kept == there, "nothing is lost, and nothing is there twice"
        assert refund.target.minor == refund.settled.minor + under_way + max(0, account.cash)
        assert 0 <= refund.failed.minor <= refund.target.minor - refund.settled.minor
        _must_say_so(account, refund)


def _happen(account: Account, what: str, is_asked: bool, amount: int, state: AttemptState) -> None:
    match what:
        case "look":
            after = account.look(is_asked=is_asked)
            if is_asked:
                assert account.cash <= 0, "who asks has all of it tried"
            assert max(0, account.cash) <= after.failed.minor, "what stays has failed"
        case "use":
            account.cash -= amount
            account.usage += amount
        case "chargeback":
            account.cash -= amount
            account.usage += amount
            account.payments = {name: max(0, each - amount) for name, each in account.payments.items()}
        case "income":
            account.cash += amount
            account.income += amount
        case "answer":
            account.answer(amount, state, amount % 100)
        case _:
            account.pay_otherwise(amount)


def _must_say_so(account: Account, refund: AccountRefund) -> None:
    status = refund_status([refund], usd(account.paid_otherwise), DUE, NOW)
    assert status.money(status.amount) == refund.target + usd(account.paid_otherwise)
    assert status.money(status.settled) == refund.settled
    assert (status.status is RefundState.SETTLED) is (refund.settled == refund.target)
    assert (status.status is RefundState.FAILED) is (status.failed is not None)
