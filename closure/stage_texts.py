"""What a stage means and what happens at a deadline, for those who look after closures."""

from collections.abc import Mapping
from typing import Final

from closure.deadlines import DeadlineKind
from closure.lifecycle import Stage

STORY: Final[Mapping[Stage, str]] = {
    Stage.OPENED: "identity and consent are being checked",
    Stage.CHECKING: "the system check is running",
    Stage.BLOCKED: "something must be handled first",
    Stage.READY: "nothing blocks, waiting for the confirmation",
    Stage.COOLING_OFF: "confirmed, but can still be withdrawn",
    Stage.ENTERING: "confirmed: access stops, what was given up is released",
    Stage.SILENT: "nothing can stop or shorten it",
    Stage.FINAL_CHECK: "billing is looked at for the last time",
    Stage.RESTORING: "something was still owed: the account is being given back",
    Stage.RETAINED: "stopped: the data is kept until the retention ends",
    Stage.DELETING: "data is being erased and verified",
    Stage.DELETED: "the account and its data are gone for good",
    Stage.RESTORED: "the account is back in normal use",
    Stage.DORMANT: "the account sleeps, its data is kept",
    Stage.REFUSED: "nothing was changed",
    Stage.WITHDRAWN: "nothing was changed",
    Stage.EXPIRED: "nobody confirmed in time, nothing was changed",
}
"""What a closure in this stage does, or has come to."""
DEADLINES: Final[Mapping[DeadlineKind, str]] = {
    DeadlineKind.DRAFT_EXPIRES: "the draft expires unless it is confirmed",
    DeadlineKind.COOL_OFF_ENDS: "it can't be withdrawn any more",
    DeadlineKind.SILENCE_BEGINS: "the wait before the deletion begins",
    DeadlineKind.FINAL_CHECK: "the final check of billing",
    DeadlineKind.DATA_IS_DELETED: "the data is deleted",
}
"""What happens at a deadline."""
