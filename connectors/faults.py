"""What a connector raises when it has no answer, beside `closure.errors.Refused`, which is one."""

from datetime import timedelta


class CallbackRefused(Exception):
    """A callback that the provider's systems have not sent so; the message says why, without a secret."""


class Unavailable(Exception):
    """A system can't answer now: throttled, in maintenance, still at work. A read counts as unknown.

    The call comes again, with its key. Its message stays in the worker's log: it may name whom it is about.

    Args:
        message: what is the matter.
        retry_after: not before that; None leaves it to the engine's own growing pauses.
    """

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StillAtWork(Unavailable):
    """What was asked is accepted and goes on: nothing is the matter, and others may be asked meanwhile."""
