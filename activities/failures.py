"""What leaves an activity as a failure: its type, and our own words. All else stays in the log.

Whoever reaches Temporal reads every failure, and a connector's error may name whom it was asked about.
"""

from datetime import timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from closure.errors import Refused
from connectors.faults import Unavailable

LONGEST_MESSAGE: Final = 500
"""The server drops all of a failure above 4 KB, its type too, and nobody sees what a closure waits for."""
LONGEST_PAUSE: Final = timedelta(hours=1)
"""However long a system asks to be left in peace: an error in what it asks for must not hold a closure up."""
_OUR_OWN: Final = frozenset({"activities", "closure", "database", "keys", "records"})
"""Packages whose errors are fixed sentences about machines, never about persons."""


class FailureInterceptor(Interceptor):
    """Worker interceptor: a `Refused` leaves as its type alone, for why is in the record, with the act."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _FailureInbound(next)


class _FailureInbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ANN401 - the SDK's signature
        try:
            return await super().execute_activity(input)
        except FailureError:
            raise
        except Refused as refused:
            # Without its cause, which has the sentence.
            raise ApplicationError(refused.type.value, type=refused.type.value) from None
        except Exception as error:  # noqa: BLE001 - whatever fails, Temporal hears of its kind
            activity.logger.warning("an activity failed and is tried again", exc_info=error)
            kind = type(error).__name__
            raise ApplicationError(
                _words_of(error) or kind, type=kind, next_retry_delay=pause_before_retry(error)
            ) from None


def pause_before_retry(error: Exception) -> timedelta | None:
    """What the system asks for, within bounds; None for the usual growing pauses."""
    if not isinstance(error, Unavailable) or error.retry_after is None:
        return None
    return min(max(error.retry_after, timedelta()), LONGEST_PAUSE)


def _words_of(error: Exception) -> str | None:
    """The error's sentence, if it is one of ours."""
    is_ours = type(error).__module__.partition(".")[0] in _OUR_OWN
    return str(error)[:LONGEST_MESSAGE] if is_ours else None
