"""The effects of a closure, in the order in which each may be opened."""

from enum import StrEnum
from typing import Final

from closure.lifecycle import Mode, Stage


class Step(StrEnum):
    """One effect's place in the record: opened before it, closed after it."""

    STOP = "stop"
    RELEASE = "release"
    WRITE_OFF = "write-off"
    PASS = "pass"
    """The final check found nothing that stands against the deletion."""
    REOPEN = "reopen"
    REFUND = "refund"
    HAND_OVER = "hand-over"
    """Money is read again, billing is told what stays due: before the erasure, and after each wait."""
    ERASE = "erase"
    BINDINGS = "bindings"
    CLOSE = "close"
    CERTIFY = "certify"


STAGE_OF: Final[dict[Step, frozenset[Stage]]] = {
    Step.STOP: frozenset({Stage.ENTERING}),
    Step.RELEASE: frozenset({Stage.ENTERING}),
    Step.WRITE_OFF: frozenset({Stage.ENTERING}),
    Step.PASS: frozenset({Stage.FINAL_CHECK}),
    Step.REOPEN: frozenset({Stage.RESTORING}),
    Step.REFUND: frozenset({Stage.RETAINED, Stage.DELETING}),
    Step.HAND_OVER: frozenset({Stage.DELETING}),
    Step.ERASE: frozenset({Stage.DELETING}),
    Step.BINDINGS: frozenset({Stage.DELETING}),
    Step.CLOSE: frozenset({Stage.DELETING}),
    Step.CERTIFY: frozenset({Stage.DELETED, Stage.RESTORED, Stage.DORMANT}),
}
"""The stages in which a step may be opened."""

UNDOING: Final = frozenset({Step.REOPEN, Step.CERTIFY})
"""What a brake does not stop: giving back, and saying what has been."""

DESTROYING: Final = frozenset({Step.RELEASE, Step.WRITE_OFF, Step.ERASE, Step.BINDINGS, Step.CLOSE})
"""What a legal hold forbids."""

REPEATED: Final = frozenset({Step.REFUND, Step.HAND_OVER})
"""What is opened anew each time: money moves late."""

_ORDER: Final[dict[Step, tuple[Step, ...]]] = {
    Step.RELEASE: (Step.STOP,),
    Step.WRITE_OFF: (Step.STOP,),
    Step.ERASE: (Step.HAND_OVER,),
    Step.BINDINGS: (Step.HAND_OVER, Step.ERASE),
    Step.CLOSE: (Step.HAND_OVER, Step.ERASE, Step.BINDINGS),
}


def steps_before(step: Step, mode: Mode) -> tuple[Step, ...]:
    """The steps that must be closed before this one is opened. A soft close stops nothing (T6)."""
    before = _ORDER.get(step, ())
    return before if mode is Mode.DELETE else tuple(each for each in before if each is not Step.STOP)
