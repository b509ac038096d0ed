"""A customer's acts: single-use rows in the record that the workflow carries out, each by one update.

Nothing in Temporal says what an act is about: an update carries the act's id alone.
"""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field, JsonValue

from closure.languages import ENGLISH
from closure.lifecycle import Mode
from closure.messages import IDENTIFIER
from closure.model import Instant, WireModel

ACT_ID = r"^[0-9a-f]{32}$"
"""128 random bits in hex."""


class ActKind(StrEnum):
    CLOSE = "close"
    RENOUNCE = "renounce"
    CONFIRM = "confirm"
    APPROVE = "approve"
    WITHDRAW = "withdraw"

    @property
    def stands_unanswered(self) -> bool:
        """Whether it works late where nobody takes it up in time; all others lapse."""
        return self is ActKind.WITHDRAW


class ActStatus(StrEnum):
    """An act ends once; what is not taken up in time lapses, and nothing takes it up later."""

    WAITING = "waiting"
    TAKEN = "taken"
    DONE = "done"
    REFUSED = "refused"
    LAPSED = "lapsed"

    @property
    def is_over(self) -> bool:
        return self in (ActStatus.DONE, ActStatus.REFUSED, ActStatus.LAPSED)


class CloseWords(WireModel):
    """What a close says: under which policy, in which mode, agreeing to what, read in which language."""

    provider: str
    policy: str
    mode: Mode = Mode.DELETE
    agree: bool = False
    acknowledgements: tuple[str, ...] = ()
    language: str = ENGLISH


class RenounceWords(WireModel):
    """`all` takes every renounceable item of the checklist."""

    item_ids: tuple[str, ...] = ()
    all: bool = False
    accept_risk: bool = False


class ConfirmWords(WireModel):
    """`plan_hash` is of the plan that was seen; None stands for the plan as it is."""

    reason: str = ""
    plan_hash: str | None = None
    phrase: str | None = None


class ApproveWords(WireModel):
    plan_hash: str


class WithdrawWords(WireModel):
    pass


Words = CloseWords | RenounceWords | ConfirmWords | ApproveWords | WithdrawWords

WORDS: dict[ActKind, type[Words]] = {
    ActKind.CLOSE: CloseWords,
    ActKind.RENOUNCE: RenounceWords,
    ActKind.CONFIRM: ConfirmWords,
    ActKind.APPROVE: ApproveWords,
    ActKind.WITHDRAW: WithdrawWords,
}


class NewAct(WireModel):
    """An act as its customer gives it. `proof_id` is a fresh proof of identity, where there is one."""

    kind: ActKind
    account_id: str = Field(pattern=IDENTIFIER)
    closure_id: str = Field(pattern=IDENTIFIER)
    user_id: str = Field(pattern=IDENTIFIER)
    proof_id: str | None = None


class RefusedAnswer(WireModel):
    """Why an act was refused: the rule, its sentence and its facts."""

    type: str
    message: str
    acknowledgements: tuple[str, ...] = ()
    facts: Mapping[str, JsonValue] = {}


class Act(NewAct):
    """An act in the record. Times are the database's, UTC; `user_id` is a dash once the account is gone."""

    act_id: str
    status: ActStatus
    written_at: Instant
    lapses_at: Instant | None
    run_id: str | None = None
    answer: RefusedAnswer | None = None
