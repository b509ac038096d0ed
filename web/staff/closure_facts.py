"""What is the matter with one closure, in rows: where it stands, what it waits for, what comes next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from closure.lifecycle import UNCONFIRMED, Outcome
from closure.messages import Becomes, MoneyParts, OwedItem, RefundStatus, Standing, StatusDocument
from closure.stage_texts import STORY
from closure.visible_text import printable
from records.entries import RecordedClosure
from web.browser.languages import Reader
from web.staff.words import Moment, Tone, deadline_text, moment, refund_badge, waiting_text


@dataclass(frozen=True)
class Fact:
    """A name and what it is; `at` is a time, `is_code` something to be copied."""

    name: str
    text: str = ""
    at: Moment | None = None
    is_code: bool = False
    is_bad: bool = False


def standing_facts(
    reader: Reader, document: StatusDocument, recorded: RecordedClosure | None, now: datetime
) -> Iterator[Fact]:
    """Where it stands and what happens next, what matters most first."""
    yield Fact(reader.text("Stage"), reader.text(STORY[document.stage]))
    if document.standing is Standing.INTERRUPTED:
        said = reader.text("interrupted: no workflow carries it on")
        yield Fact(reader.text("Standing"), said, is_bad=True)
    if document.standing is Standing.UNANSWERED:
        yield Fact(reader.text("Standing"), reader.text("asked for, not admitted yet"), is_bad=True)
    if document.waiting_for is not None:
        waiting = document.waiting_for
        since = moment(reader, waiting.since, now) if waiting.since else None
        yield Fact(reader.text("Waits for"), waiting_text(reader, waiting), since, is_bad=True)
    if document.deadline is not None:
        at, left = document.deadline.at, document.remaining_seconds
        then = moment(reader, at, at - timedelta(seconds=left) if left else now)
        yield Fact(reader.text("Next step"), deadline_text(reader, document.deadline.what), then)
    refund_look = recorded.state.refund_look_at if recorded is not None else None
    if refund_look is not None and document.outcome is None:
        said = reader.text("for money that arrives or goes back")
        yield Fact(reader.text("Looks again"), said, moment(reader, refund_look, now))
    if document.outcome_reason:
        yield Fact(reader.text("Reason"), printable(reader.text(document.outcome_reason)))
    if document.survey_number and document.stage in UNCONFIRMED:
        said = reader.text(
            "system check %(surveys)s: %(items)s items, %(blocking)s blocking",
            surveys=reader.count(document.survey_number),
            items=reader.count(document.item_count),
            blocking=reader.count(document.blocking),
        )
        yield Fact(reader.text("Checked"), said)
    yield from _times(reader, document, now)
    yield from _names(reader, document, recorded)


def _times(reader: Reader, document: StatusDocument, now: datetime) -> Iterator[Fact]:
    for name, at in (
        ("Opened", document.opened_at),
        ("Confirmed", document.confirmed_at),
        ("Can be withdrawn until", document.cool_off_until),
        ("Silent until", document.silent_until),
        ("Data kept until", document.delete_after),
    ):
        if at is not None:
            yield Fact(reader.text(name), at=moment(reader, at, now))


def _names(reader: Reader, document: StatusDocument, recorded: RecordedClosure | None) -> Iterator[Fact]:
    if document.opened_by is not None:
        yield Fact(reader.text("Asked for by"), printable(document.opened_by), is_code=True)
    elif recorded is not None and recorded.owner_closure_id is None:
        yield Fact(reader.text("Asked for by"), reader.text("erased with the account"))
    if document.policy:
        policy = f"{document.policy} {document.policy_version}, {reader.text(document.mode.value)}"
        yield Fact(reader.text("Policy"), printable(policy))
    for name, text in (
        ("Plan hash", document.plan_hash),
        ("Workflow", document.workflow_id),
        ("Run", document.run_id),
        ("Certificate", document.certificate_id),
    ):
        if text:
            yield Fact(reader.text(name), printable(text), is_code=True)


def money_facts(reader: Reader, document: StatusDocument, now: datetime) -> Iterator[Fact]:
    """What becomes of the account's money, and how its refund stands with each of its parts."""
    if document.money is not None:
        yield from _parts(reader, document.money, has_refund=document.refund is not None)
    if document.refund is not None:
        yield from _refund(reader, document.refund, now)
    yield from _left(reader, document.owed, goes_back=document.outcome is Outcome.RESTORED)


def _parts(reader: Reader, money: MoneyParts, *, has_refund: bool) -> Iterator[Fact]:
    for name, amount in (
        ("Cash forfeited", money.forfeited_cash),
        ("Promotional balance lost", money.forfeited_promo),
        ("Debt voided", money.voided_debt),
        ("To be refunded", None if has_refund else money.refund),
    ):
        if amount is not None:
            yield Fact(reader.text(name), reader.money(amount, money.currency))


def _refund(reader: Reader, refund: RefundStatus, now: datetime) -> Iterator[Fact]:
    badge = refund_badge(reader, refund)
    is_bad = badge.tone is Tone.BAD
    yield Fact(reader.text("Refund"), badge.text, is_bad=is_bad)
    yield Fact(reader.text("Due by"), at=moment(reader, refund.due_by, now), is_bad=is_bad)
    for name, amount in (
        ("Arrived", refund.settled),
        ("Failed, to be paid another way", refund.failed),
        ("Paid another way", refund.paid_otherwise),
    ):
        if amount is not None and refund.money(amount).minor:
            yield Fact(reader.text(name), reader.money(amount, refund.currency))


def _left(reader: Reader, owed: Iterable[OwedItem], *, goes_back: bool) -> Iterator[Fact]:
    for item in owed:
        if item.becomes is Becomes.LEFT_BEHIND:
            name = reader.text("Left behind")
        elif item.becomes is Becomes.TAKEN_FROM_REFUND:
            name = reader.text("Taken from the refund")
        else:
            name = reader.text("Owed") if goes_back else reader.text("Stays due")
        yield Fact(name, printable(item.title))
