"""A refund that arrives in part: each part is shown, and what has no payment to go to is paid otherwise."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from closure.certificate import SignedCertificate
from closure.errors import RefusalType
from closure.events import EventType, RefundFailed, RefundPaidOtherwise
from closure.lifecycle import Outcome, Stage
from closure.messages import RefundState
from closure.refunds import AttemptState
from closure.waiting import WaitingReason
from connectors.embedded import tables
from connectors.embedded.tables import RefundAnswer
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.books import moved, must_balance
from tests.harness.installation import TestInstallation
from tests.harness.twilio import answer, money, retained, told, twilio_account

PAID = datetime(2026, 1, 5, tzinfo=UTC)
PAYMENTS = [{"id": "card", "amount": "120.00", "paid_at": PAID.isoformat()}]


async def provider_says(closing: AccountDriver, answers: Mapping[str | None, AttemptState]) -> None:
    """What became of the orders to these payments; the money of a failed one is back on the account."""
    for payment, state in answers.items():
        said = RefundAnswer.FAILED if state is AttemptState.FAILED else RefundAnswer.SETTLED
        await _only(closing, payment, pending=True)
        await _play(closing, said)
        await _only(closing, payment, pending=False)


async def _play(closing: AccountDriver, said: RefundAnswer) -> None:
    from connectors.embedded.refunds import play_answer

    installation = closing.installation
    await play_answer(installation.database, closing.account_id, said)
    await installation.platform.refunds.attempts(
        closing.account_id, closure_id=closing.closure_id, time=await closing.now()
    )
    await installation.database.write(
        lambda connection: connection.execute(
            update(tables.accounts)
            .where(tables.accounts.c.id == closing.account_id)
            .values(refund_answer=None)
        )
    )


async def _only(closing: AccountDriver, payment: str | None, *, pending: bool) -> None:
    """Takes the other orders out of the provider's sight, and back."""
    row = tables.refunds.c
    other = row.payment_id.is_not(None) if payment is None else row.payment_id.is_distinct_from(payment)
    hidden = f"{closing.closure_id}-hidden"
    before, after = (closing.closure_id, hidden) if pending else (hidden, closing.closure_id)
    await closing.installation.database.write(
        lambda connection: connection.execute(
            update(tables.refunds).where(row.closure_id == before, other).values(closure_id=after)
        )
    )


async def partly_failed(installation: TestInstallation) -> AccountDriver:
    """Of 120.00, the card takes 100.00, since 20.00 of it were charged back; they fail without it."""
    closing = await twilio_account(installation, balance={"cash": "120.00"}, payments=PAYMENTS)
    await installation.database.write(
        lambda connection: connection.execute(
            update(tables.payments)
            .where(tables.payments.c.account_id == closing.account_id)
            .values(amount=10_000)
        )
    )
    await retained(closing)
    await told(closing, EventType.REFUND_STARTED)
    await closing.until(lambda document: document.refund is not None and bool(document.refund.settled))
    await provider_says(closing, {"card": AttemptState.SETTLED, None: AttemptState.FAILED})
    return closing


async def look(closing: AccountDriver) -> None:
    """The next look of its own: nobody asks to try again what has failed."""
    await closing.fast_forward(timedelta(hours=12, minutes=1))


async def test_t10_of_a_refund_that_failed_in_part_each_part_is_told_with_its_amount(
    installation: TestInstallation,
) -> None:
    closing = await partly_failed(installation)
    await look(closing)
    await told(closing, EventType.REFUND_FAILED)
    status = await closing.until(lambda document: document.waiting_for is not None)
    refund, waiting = status.refund, status.waiting_for
    assert refund is not None
    assert (refund.status, refund.amount, refund.settled, refund.failed) == (
        RefundState.FAILED,
        "120.00",
        "100.00",
        "20.00",
    )
    assert waiting is not None
    assert (waiting.reason, waiting.detail) == (WaitingReason.REFUND_FAILED, "20.00 USD")
    failed = (await closing.until_event(EventType.REFUND_FAILED)).content
    assert isinstance(failed, RefundFailed)
    assert (failed.amount, failed.settled, failed.failed) == ("120.00", "100.00", "20.00")
    texts = [
        str(row["body"]) for row in await closing.rows(tables.outbox) if row["template"] == "refund_failed"
    ]
    assert len(texts) == 2
    assert all("20.00 USD" in text for text in texts)
    await look(closing)
    await look(closing)
    assert (await closing.templates()).count("refund_failed") == 2, "told once"
    assert (await money(closing))["cash"] == 2000, "and not tried again unasked"


async def test_t10_staff_pay_what_failed_another_way_and_the_closure_ends(
    installation: TestInstallation,
) -> None:
    closing = await partly_failed(installation)
    await look(closing)
    await told(closing, EventType.REFUND_FAILED)
    await closing.until(lambda document: document.waiting_for is not None)

    too_much = await refusal(
        installation.operated.closures.settle_refund(closing.closure_id, "20.01", "wire 1")
    )
    assert too_much.type is RefusalType.THING_NOT_ALLOWED
    settled = await installation.operated.closures.settle_refund(
        closing.closure_id, "20.00", "wire 1 to Jo Doe"
    )
    assert settled.refund is not None
    assert (settled.refund.amount, settled.refund.paid_otherwise) == ("120.00", "20.00")
    again = await installation.operated.closures.settle_refund(
        closing.closure_id, "20.00", "wire 1 to Jo Doe"
    )
    assert again.refund is not None
    assert again.refund.paid_otherwise == "20.00", "one payment is told once"
    await closing.until(
        lambda document: document.refund is not None and document.refund.status is RefundState.SETTLED
    )
    assert (await moved(installation.database))["refund-paid-otherwise"] == 2000
    await closing.until(lambda document: document.waiting_for is None)

    await closing.end_of_retention()
    ended = await closing.outcome()
    assert ended.outcome is Outcome.DELETED
    await must_balance(installation.database)
    paid = (await closing.until_event(EventType.REFUND_PAID_OTHERWISE)).content
    assert isinstance(paid, RefundPaidOtherwise)
    assert (paid.amount, paid.reference) == ("20.00", ""), "who was paid is forgotten with the account"
    certificate = await certificate_of(installation, closing.closure_id)
    assert certificate.money is not None
    assert (certificate.money.refunded, certificate.money.paid_otherwise) == ("100.00", "20.00")


async def test_t10_what_failed_is_tried_again_when_somebody_asks(installation: TestInstallation) -> None:
    closing = await partly_failed(installation)
    await look(closing)
    await told(closing, EventType.REFUND_FAILED)
    await answer(closing, RefundAnswer.SETTLED)
    status = await closing.until(
        lambda document: document.refund is not None and document.refund.status is RefundState.SETTLED
    )
    assert status.refund is not None
    assert (status.refund.settled, status.refund.failed) == ("120.00", None)


async def test_what_nobody_has_paid_otherwise_keeps_the_account_from_closing(
    installation: TestInstallation,
) -> None:
    closing = await partly_failed(installation)
    await answer(closing, RefundAnswer.FAILED)
    await closing.end_of_retention()
    held_up = await closing.until(
        lambda document: document.stage is Stage.DELETING and document.waiting_for is not None
    )
    assert held_up.waiting_for is not None
    assert held_up.waiting_for.reason == WaitingReason.REFUND_FAILED
    await installation.operated.closures.settle_refund(closing.closure_id, "20.00", "wire 2")
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_nothing_is_settled_of_a_refund_that_has_not_failed(installation: TestInstallation) -> None:
    closing = await twilio_account(installation, balance={"cash": "10.00"})
    await retained(closing)
    await told(closing, EventType.REFUND_STARTED)
    settle = installation.operated.closures.settle_refund
    for amount, reference, refused in refusals():
        assert (await refusal(settle(closing.closure_id, amount, reference))).type is refused
    unknown = await refusal(settle("closure-unknown", "1.00", "wire"))
    assert unknown.type is RefusalType.CLOSURE_NOT_FOUND
    assert EventType.REFUND_PAID_OTHERWISE not in await closing.event_types()


def refusals() -> Iterable[tuple[str, str, RefusalType]]:
    yield "1.00", "wire", RefusalType.THING_NOT_ALLOWED
    yield "0.00", "wire", RefusalType.MALFORMED_INPUT
    yield "-1.00", "wire", RefusalType.MALFORMED_INPUT
    yield "1.001", "wire", RefusalType.MALFORMED_INPUT
    yield "much", "wire", RefusalType.MALFORMED_INPUT
    yield "1.00", "w" * 201, RefusalType.MALFORMED_INPUT


async def certificate_of(installation: TestInstallation, closure_id: str) -> SignedCertificate:
    kept = await installation.records.certificate(closure_id)
    assert kept is not None
    return SignedCertificate.model_validate(json.loads(kept.content))
