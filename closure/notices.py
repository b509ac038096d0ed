"""Texts of messages in every language of the policy; the recipient's language is chosen on sending."""

from collections.abc import Iterable
from datetime import UTC, datetime

from closure.accounts import Channel
from closure.policy import MessageTemplate, Policy
from closure.policy_rules import MESSAGE_PLACEHOLDERS
from closure.templates import fill
from closure.visible_text import printable

LISTED_AT_MOST: dict[Channel, int] = {Channel.EMAIL: 100, Channel.SMS: 3}
"""How many members of a list a message names; the others are counted."""


def render(
    policy: Policy, template: str, channel: Channel, **values: str | int | Iterable[str]
) -> dict[str, str]:
    """The text of one message for one channel, by language.

    A list becomes ``a, b, c (+ 7)``, shortened to suit the channel; an empty one becomes a dash. Values that
    no text of the template uses may be given too. The policy's advice on starting again is filled in here.

    Raises:
        ValueError: the policy has no such message, a text needs a value that isn't given, or the value's name
            is none of this template's placeholders.
    """
    message = MessageTemplate(template)
    unknown = values.keys() - MESSAGE_PLACEHOLDERS[message] - _ALWAYS_GIVEN
    if unknown:
        raise ValueError(f"{template} has no placeholder {', '.join(sorted(unknown))}")
    languages = policy.messages.get(message)
    if not languages:
        raise ValueError(f"policy {policy.name} has no message {template}")
    texts = {name: _text(value, LISTED_AT_MOST[channel]) for name, value in values.items()}
    texts.setdefault("restart_advice", policy.restart_advice)
    return {language: fill(each.for_channel(channel), texts) for language, each in languages.items()}


def spoken_moment(moment: datetime) -> str:
    """A time as messages name it: the day and the minute, UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


_ALWAYS_GIVEN = frozenset({"account_id", "closure_id", "reason", "unrecoverable"})
"""What every notice of a closure's result comes with, used or not."""


def _text(value: str | int | Iterable[str], at_most: int) -> str:
    if isinstance(value, str | int):
        return printable(str(value))
    members = tuple(value)
    more = f" (+ {len(members) - at_most})" if len(members) > at_most else ""
    return printable(", ".join(members[:at_most])) + more if members else "-"
