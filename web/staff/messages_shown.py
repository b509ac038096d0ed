"""What a closure's customer was told: by which channels, and what became of it as far as the record knows."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from closure.accounts import Channel
from closure.events import EventType, MessageUndeliverable
from closure.lifecycle import Mode
from closure.policy import MessageTemplate, Policy
from closure.templates import fill
from closure.turn_messages import MESSAGE_OF, ONCE
from closure.visible_text import printable
from connectors.ports import OutgoingMessage
from connectors.smtp import delivery_name
from database import DatabaseUnreachable
from records.deliveries import DeliveryRecords
from records.entries import ReadEvent
from web.browser.languages import Reader
from web.service import WebService
from web.staff.words import Badge, Moment, Tone, moment

ADDRESS_PATIENCE: Final = timedelta(seconds=3)


@dataclass(frozen=True)
class Turn:
    """A turn that is told. `name` is its message's among those of the closure, as its keys have it."""

    event: ReadEvent
    template: MessageTemplate
    name: str


@dataclass(frozen=True)
class Sent:
    """One channel of a message: `channel` in words, and what became of it."""

    channel: str
    result: Badge


@dataclass(frozen=True)
class Told:
    """A message that goes with a turn."""

    at: Moment
    template: str
    subject: str
    sent: tuple[Sent, ...]


def told_turns(events: Iterable[ReadEvent], policy: Policy, mode: Mode) -> Iterator[Turn]:
    """The turns that happened and of which the policy has its customer told."""
    confirmed = reminded = changed = 0
    before: set[EventType] = set()
    for event in events:
        kind = event.event
        confirmed += kind is EventType.CONFIRMED
        reminded = 0 if kind is EventType.CONFIRMED else reminded + (kind is EventType.REMINDED)
        changed += kind is EventType.REFUND_CHANGED
        template = MESSAGE_OF.get(kind)
        is_told_again = kind in ONCE and kind in before
        before.add(kind)
        sleeps = kind is EventType.CONFIRMED and mode is Mode.KEEP_DATA
        if template is None or template not in policy.messages or is_told_again or sleeps:
            continue
        number = _number(event, confirmed, reminded, changed)
        yield Turn(event, template, template.value if number is None else f"{template.value}/{number}")


def _number(event: ReadEvent, confirmed: int, reminded: int, changed: int) -> str | None:
    """What tells messages of one template apart."""
    said = event.details
    match event.event:
        case EventType.CONFIRMED | EventType.COOL_OFF_STOPPED:
            return str(confirmed)
        case EventType.REMINDED:
            return f"{confirmed}/{reminded}"
        case EventType.REFUND_FAILED:
            return str(said.get("failed") or said["amount"])
        case EventType.REFUND_PARTLY_SETTLED:
            return f"{said.get('settled')}/{said['amount']}"
        case EventType.REFUND_STARTED | EventType.REFUND_CHANGED | EventType.REFUND_SETTLED if changed:
            return f"{changed}/{said['amount']}"
        case EventType.REFUND_LATE if changed:
            return f"{changed}/{said['amount']}"
        case _:
            return None


async def mails_taken(
    service: WebService, account_id: str, policy: Policy, turns: Sequence[Turn]
) -> Mapping[str, int]:
    """How many recipients' mails the mail server took, by the message's name: none where nobody can say.

    Raises:
        DatabaseUnreachable: the record can't be read.
    """
    names: dict[str, str] = {}
    for is_for_all in (False, True):
        users = await _reached(service, account_id, () if is_for_all else policy.eligibility.roles)
        for turn in turns:
            if (turn.template is MessageTemplate.CLOSURE_REMINDER) is is_for_all:
                key = f"{turn.event.closure_id}/notify/{turn.name}/{Channel.EMAIL.value}"
                names |= {delivery_name(key, user): turn.name for user in users}
    settled = await DeliveryRecords(service.record.database).settled(tuple(names))
    taken = [names[delivery] for delivery, refusal in settled.items() if refusal is None]
    return {name: taken.count(name) for name in taken}


async def _reached(service: WebService, account_id: str, roles: tuple[str, ...]) -> Collection[str]:
    """The users whom an e-mail to these roles is for; nobody where the address book doesn't answer."""
    book = service.platform.addresses
    if book is None:
        return ()
    asked = OutgoingMessage(
        key="",
        account_id=account_id,
        channel=Channel.EMAIL,
        template="",
        bodies={},
        roles=roles,
        time=datetime.now(UTC),
    )
    try:
        async with asyncio.timeout(ADDRESS_PATIENCE.total_seconds()):
            return [each.user_id for each in await book.addressees(asked)]
    except DatabaseUnreachable:
        raise
    except Exception:  # noqa: BLE001 - whatever the provider's system answers, the page is shown
        return ()


def told(
    reader: Reader,
    events: Sequence[ReadEvent],
    turns: Iterable[Turn],
    policy: Policy,
    taken: Mapping[str, int],
    account_id: str,
    now: datetime,
) -> Iterator[Told]:
    """Each message with its channels; `taken` counts the mails that the mail server took."""
    contents = (each.content for each in events if each.event is EventType.MESSAGE_UNDELIVERABLE)
    refused = [each for each in contents if isinstance(each, MessageUndeliverable)]
    for turn in turns:
        texts = policy.messages[turn.template]
        text = texts.get(reader.language) or texts.get(policy.languages[0])
        yield Told(
            at=moment(reader, turn.event.time, now),
            template=turn.template.value,
            subject=_subject(text.subject or "", turn.event, account_id) if text is not None else "",
            sent=tuple(
                Sent(
                    reader.text(channel.value),
                    _result(
                        reader,
                        [each for each in refused if (each.message, each.channel) == (turn.name, channel)],
                        taken.get(turn.name, 0) if channel is Channel.EMAIL else 0,
                    ),
                )
                for channel in Channel
            ),
        )


def _result(reader: Reader, refused: Sequence[MessageUndeliverable], taken: int) -> Badge:
    """Refusals come first: they are what somebody has to see to."""
    if refused:
        said = reader.text(
            "refused for good by %(number)s: %(reason)s",
            number=reader.count(sum(each.addresses for each in refused)),
            reason=printable(", ".join(sorted({each.reason for each in refused}))),
        )
        return Badge(said, Tone.BAD)
    if taken:
        said = reader.text("taken by the mail server for %(number)s", number=reader.count(taken))
        return Badge(said, Tone.GOOD)
    return Badge(reader.text("sent, as far as is known"))


def _subject(text: str, event: ReadEvent, account_id: str) -> str:
    """As it was sent; nothing where the audit doesn't say all that it names."""
    said = {name: value for name, value in event.details.items() if isinstance(value, str)}
    if event.event is EventType.REFUND_FAILED:
        said["amount"] = said.get("failed", said.get("amount", ""))
    try:
        return printable(fill(text, {**said, "account_id": account_id, "closure_id": event.closure_id}))
    except ValueError:
        return ""
