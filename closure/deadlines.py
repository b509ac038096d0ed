"""Moments at which something happens by itself."""

from enum import StrEnum

from closure.model import Instant, WireModel


class DeadlineKind(StrEnum):
    """What happens at a deadline."""

    DRAFT_EXPIRES = "draft_expires"
    COOL_OFF_ENDS = "cool_off_ends"
    SILENCE_BEGINS = "silence_begins"
    FINAL_CHECK = "final_check"
    DATA_IS_DELETED = "data_is_deleted"


class Deadline(WireModel):
    """`at` is UTC, by the closure's clock."""

    what: DeadlineKind
    at: Instant
