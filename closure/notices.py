"""Messages in every language of the policy; the recipient's language is chosen on sending."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from closure.accounts import Channel
from closure.policy import MessageTemplate, MessageTexts, Policy
from closure.policy_rules import MESSAGE_PLACEHOLDERS
from closure.templates import fill
from closure.translations import in_language
from closure.visible_text import printable
from closure.wording import Words, words_of

LISTED_AT_MOST: dict[Channel, int] = {Channel.EMAIL: 100, Channel.SMS: 3}
"""How many members of a list a message names; the others are counted."""

Value = str | int | datetime | Iterable[str] | Callable[[Policy], Iterable[str]]
"""What fills a placeholder; a list that is in words is a function of the policy in the message's language."""


@dataclass(frozen=True)
class Notice:
    """One message for one channel, each of its parts by language.

    `subjects` is empty for a text message; `values` are what the texts were filled with.
    """

    subjects: Mapping[str, str]
    bodies: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]


def render(policy: Policy, template: str, channel: Channel, **values: Value) -> Notice:
    """One message in all languages that the policy has it in.

    Times are named with day, minute and UTC. A list has a line for each member in an e-mail and is one line
    in a text message, shortened to suit the channel; an empty one is the language's word for nothing. Values
    that no text of the template uses may be given too. What to do to start again is the policy's.

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
    subjects, bodies, filled = {}, {}, {}
    for language, texts in languages.items():
        spoken, words = in_language(policy, language), words_of(language)
        said = {name: _text(value, channel, spoken, words) for name, value in values.items()}
        said.setdefault("restart_advice", spoken.restart_advice)
        filled[language] = said
        bodies[language] = fill(texts.for_channel(channel), said)
        if channel is Channel.EMAIL:
            subjects[language] = _subject(texts, said)
    return Notice(subjects, bodies, filled)


def followed_by(notice: Notice, channel: Channel, say: Callable[[Words], str]) -> Notice:
    """The message with something of the engine's own after the policy's text."""
    between = "\n\n" if channel is Channel.EMAIL else " "
    bodies = {
        language: f"{body.rstrip()}{between}{printable(say(words_of(language)))}"
        for language, body in notice.bodies.items()
    }
    return Notice(notice.subjects, bodies, notice.values)


_ALWAYS_GIVEN = frozenset({"account_id", "closure_id"})
"""What every notice of a closure comes with, used or not."""


def _subject(texts: MessageTexts, values: Mapping[str, str]) -> str:
    """One line; for a policy of before there were subjects the account alone."""
    subject = fill(texts.subject, values) if texts.subject is not None else values.get("account_id", "")
    return " ".join(subject.split())


def _text(value: Value, channel: Channel, policy: Policy, words: Words) -> str:
    if isinstance(value, str | int):
        return printable(str(value))
    if isinstance(value, datetime):
        return words.moment(value)
    members = tuple(value(policy) if callable(value) else value)
    if not members:
        return words.nothing
    named = [printable(each) for each in members[: LISTED_AT_MOST[channel]]]
    if len(members) > len(named):
        named.append(fill(words.more, {"number": str(len(members) - len(named))}))
    return (
        "\n".join(f"- {each}" for each in named) if channel is Channel.EMAIL else words.separator.join(named)
    )
