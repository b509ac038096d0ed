"""How the workflow calls activities: time-outs, retries, and the way out of a failing local activity."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from closure.errors import RefusalType

Input = TypeVar("Input")
Result = TypeVar("Result")
# An activity method as the class has it, before its ports are bound to it.
Activity = Callable[[Any, Input], Coroutine[Any, Any, Result]]

_LOCAL = timedelta(seconds=10)
_SHORT = timedelta(seconds=30)
_CALL = timedelta(minutes=2)
_LONG = timedelta(hours=1)
_HEARTBEAT = timedelta(seconds=60)
_A_FEW = 3

_DECIDING = [refusal.value for refusal in RefusalType]
# What ends the tries of an effect: a later run has taken over, or a legal hold puts it off.
_FINAL = [RefusalType.STALE_RUN.value, RefusalType.LEGAL_HOLD.value]


def _retries(final: list[str]) -> RetryPolicy:
    """For ever, with a ceiling on the pause: giving up would lose a closure."""
    return RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=2.0,
        maximum_interval=timedelta(minutes=5),
        non_retryable_error_types=final,
    )


async def _locally(
    activity: Activity[Input, Result], argument: Input, final: list[str], *, summary: str
) -> Result:
    """A few tries in quick succession within one workflow task."""
    return await workflow.execute_local_activity_method(
        activity,
        argument,
        start_to_close_timeout=_LOCAL,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(milliseconds=100),
            maximum_attempts=_A_FEW,
            non_retryable_error_types=final,
        ),
        summary=summary,
    )


async def decide(activity: Activity[Input, Result], argument: Input, *, summary: str) -> Result:
    """A normal activity whose refusals are final.

    Raises:
        ApplicationError: the refusal, ready to leave an update handler.
    """
    try:
        return await workflow.execute_activity_method(
            activity,
            argument,
            start_to_close_timeout=_SHORT,
            retry_policy=_retries(_DECIDING),
            summary=summary,
        )
    except ActivityError as error:
        raise _refusal_of(error) from error


async def act(activity: Activity[Input, Result], argument: Input, *, summary: str) -> Result:
    """A normal activity that is tried until it is done. A refusal by a source is a reason to try again.

    Raises:
        ActivityError: a later run has taken over, a legal hold forbids it, or this run is being cancelled.
    """
    return await workflow.execute_activity_method(
        activity,
        argument,
        start_to_close_timeout=_CALL,
        retry_policy=_retries(_FINAL),
        summary=summary,
    )


async def act_at_length(activity: Activity[Input, Result], argument: Input, *, summary: str) -> Result:
    """As `act`, for an activity that may take long and heartbeats: a dead worker is noticed by that."""
    while True:
        try:
            return await workflow.execute_activity_method(
                activity,
                argument,
                start_to_close_timeout=_LONG,
                heartbeat_timeout=_HEARTBEAT,
                retry_policy=_retries(_FINAL),
                summary=summary,
            )
        except ActivityError as error:
            # Without the right key the SDK gives up for good on what an earlier attempt's heartbeat left.
            if not _comes_from_the_sdk(error):
                raise
            workflow.logger.warning("%s: its heartbeat can't be read, starting it anew", summary)


async def attempt(
    activity: Activity[Input, Result], argument: Input, *, summary: str, at_length: bool = False
) -> Result:
    """A normal activity with a few tries, for what is tried again later anyway.

    `at_length` is for an activity that may take long and heartbeats.

    Raises:
        ActivityError: all tries failed, or a rule refused.
    """
    return await workflow.execute_activity_method(
        activity,
        argument,
        start_to_close_timeout=_LONG if at_length else _CALL,
        heartbeat_timeout=_HEARTBEAT if at_length else None,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            maximum_attempts=_A_FEW,
            non_retryable_error_types=_DECIDING,
        ),
        summary=summary,
    )


async def attempt_quickly(activity: Activity[Input, Result], argument: Input, *, summary: str) -> Result:
    """As `attempt`, for one short SQL transaction: a local activity first.

    Raises:
        ActivityError: all tries failed, or a rule refused.
    """
    try:
        return await _locally(activity, argument, _DECIDING, summary=summary)
    except ActivityError as error:
        if refusal_type(error) is not None:
            raise
    return await attempt(activity, argument, summary=summary)


async def quickly(activity: Activity[Input, Result], argument: Input, *, summary: str) -> Result:
    """One short SQL transaction as a local activity: three tries, then the same as a normal activity.

    Retried through an outage, a local activity fills the history with markers; a normal one waits quietly.
    """
    try:
        return await _locally(activity, argument, _FINAL, summary=summary)
    except FailureError as error:
        if refusal_type(error) in (RefusalType.STALE_RUN, RefusalType.LEGAL_HOLD):
            raise _refusal_of(error) from error
        workflow.logger.warning("%s: trying as a normal activity", summary)
    return await act(activity, argument, summary=summary)


async def decide_quickly(activity: Activity[Input, Result], argument: Input, *, summary: str) -> Result:
    """As `quickly`, for a decision: its refusals are final.

    Raises:
        ApplicationError: the refusal, ready to leave an update handler.
    """
    try:
        return await _locally(activity, argument, _DECIDING, summary=summary)
    except FailureError as error:
        if refusal_type(error) is not None:
            raise _refusal_of(error) from error
    return await decide(activity, argument, summary=summary)


def refusal_type(error: BaseException) -> RefusalType | None:
    """The rule behind a failure, if it was one that refused."""
    cause = error.__cause__ if isinstance(error, ActivityError) else error
    if not isinstance(cause, ApplicationError):
        return None
    return next((known for known in RefusalType if known.value == cause.type), None)


def _comes_from_the_sdk(error: ActivityError) -> bool:
    """Every final failure of ours has a type."""
    return isinstance(error.__cause__, ApplicationError) and not error.__cause__.type


def _refusal_of(error: FailureError) -> ApplicationError:
    cause = error.__cause__ if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        return ApplicationError(cause.message, *cause.details, type=cause.type, non_retryable=True)
    return ApplicationError(str(error), type=type(error).__name__, non_retryable=True)
