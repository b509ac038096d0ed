"""How staff read times, states and money: short, and with nothing in it that could mislead the eye."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from client.standing import FAILING, NO_ANSWER
from closure.accounts import Channel
from closure.deadlines import DeadlineKind
from closure.lifecycle import Mode, Stage
from closure.messages import Becomes, RefundState, RefundStatus, WaitingFor
from closure.policy_checks import Inspects
from closure.stage_texts import DEADLINES
from closure.visible_text import printable
from closure.waiting import WAITING_TEXTS, WaitingReason
from web.browser.languages import Reader


class Tone(StrEnum):
    """How a badge looks: what it means for those who look after closures."""

    PLAIN = ""
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ON = "on"
    """Going its way, and nobody can stop it."""


_TONES: Final = {
    Stage.BLOCKED: Tone.WARN,
    Stage.READY: Tone.GOOD,
    Stage.COOLING_OFF: Tone.GOOD,
    Stage.ENTERING: Tone.ON,
    Stage.SILENT: Tone.ON,
    Stage.FINAL_CHECK: Tone.ON,
    Stage.RETAINED: Tone.ON,
    Stage.DELETING: Tone.ON,
    Stage.RESTORING: Tone.WARN,
    Stage.REFUSED: Tone.BAD,
}


WORDS_OF_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "mode": frozenset(Mode),
    "channel": frozenset(Channel),
    "kind": frozenset(Inspects),
    "becomes": frozenset(Becomes),
}
"""Fields of events that have one of a few words."""


@dataclass(frozen=True)
class Badge:
    """A word with its look."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Moment:
    """A time in UTC as people and as scripts read it, and how long ago or ahead that is."""

    text: str
    iso: str
    distance: str


def moment(reader: Reader, at: datetime, now: datetime) -> Moment:
    """Digits alone, so that columns of them are compared at a glance."""
    text = f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
    distance = reader.duration(abs(at - now))
    said = (
        reader.text("in %(time)s", time=distance) if at > now else reader.text("%(time)s ago", time=distance)
    )
    return Moment(text, at.astimezone(UTC).isoformat(), said)


def say_moment(at: datetime) -> str:
    """Within a sentence, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def stage_badge(reader: Reader, stage: str) -> Badge:
    """A stage; in a row that somebody has broken it may be any word."""
    try:
        known = Stage(stage)
    except ValueError:
        return Badge(printable(stage), Tone.BAD)
    return Badge(reader.text(known.value.replace("_", " ")), _TONES.get(known, Tone.PLAIN))


def deadline_text(reader: Reader, what: DeadlineKind | None) -> str:
    """What happens then."""
    return reader.text(DEADLINES[what]) if what else reader.text("the next turn")


def waiting_text(reader: Reader, waiting: WaitingFor) -> str:
    """What a closure waits for; of a step that keeps failing, which one, its error and how often."""
    said, detail = reason_text(reader, waiting.reason), waiting.detail
    if waiting.reason == FAILING:
        said = reader.text("a step that has failed, attempts so far: %(number)s", number=waiting.attempts)
    known = {WAITING_TEXTS[each] for each in WaitingReason}
    return f"{said}: {printable(detail)}" if detail and detail not in known else said


def reason_text(reader: Reader, reason: str) -> str:
    """A reason to wait; one that we don't know is shown as it is."""
    if reason == NO_ANSWER:
        return reader.text("a worker")
    try:
        return reader.text(WAITING_TEXTS[WaitingReason(reason)])
    except ValueError:
        return printable(reason)


def field_text(reader: Reader, field: str, word: str) -> str:
    """What a field of an event says, as the reader has it where it is a word of ours; else it is data."""
    if field == "waiting_for":
        return reason_text(reader, word)
    is_ours = not field or word in WORDS_OF_FIELDS.get(field, ())
    return reader.text(word.replace("_", " ")) if is_ours else word


def rest_text(reader: Reader, number: int) -> str:
    """How many more there are than are shown; nothing where all are."""
    return reader.text("and %(number)s more", number=reader.count(number)) if number > 0 else ""


def refund_badge(reader: Reader, refund: RefundStatus) -> Badge:
    """How much goes back, and how it stands."""
    tones = {
        RefundState.SETTLED: Tone.GOOD,
        RefundState.FAILED: Tone.BAD,
        RefundState.LATE: Tone.BAD,
    }
    state = reader.text(refund.status.value.replace("_", " "))
    return Badge(
        f"{reader.money(refund.amount, refund.currency)} {state}", tones.get(refund.status, Tone.PLAIN)
    )
