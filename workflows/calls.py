"""How the workflow calls activities: one function over a table of named options."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar, get_type_hints

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from closure.errors import RefusalType
    from keys.payload_faults import PAYLOAD_TOO_LARGE
    from temporal.time_limits import TimeLimit, TimeLimits, time_limits

Input = TypeVar("Input")
Result = TypeVar("Result")
# An activity method as the class has it, before its ports are bound to it.
Activity = Callable[[Any, Input], Coroutine[Any, Any, Result]]


class Call(StrEnum):
    """Ways of calling, by what is called."""

    ACT = "act"
    """A customer waits for the answer: local first; refusals are final."""
    RECORD = "record"
    """One short transaction: local first, then tried until it is done."""
    CHECK = "check"
    """A system check: local first, else as long as it takes."""
    EFFECT = "effect"
    """Calls to other systems, as long as they take; a dead worker is noticed by its heartbeat."""


@dataclass(frozen=True)
class Options:
    """`final` refusals end the tries; what else fails is tried again for ever: giving up would lose it."""

    local: bool
    limit: Callable[[TimeLimits], TimeLimit]
    final: frozenset[RefusalType]


_NOT_OURS: Final = frozenset(
    {
        RefusalType.CLAIM_NEEDED,
        RefusalType.CLOSURE_NOT_FOUND,
        RefusalType.NOT_YET,
        RefusalType.STAGE_CONFLICT,
        RefusalType.STALE_RUN,
        RefusalType.WRONG_INSTALLATION,
    }
)
"""What a run can't mend by trying again: it holds the closure no more, or is behind the record."""

_LOCALLY: Final = timedelta(seconds=10)
_A_FEW: Final = 3
_BEFORE_ANEW: Final = timedelta(seconds=10)

OPTIONS: Final[Mapping[Call, Options]] = {
    Call.ACT: Options(local=True, limit=lambda limits: limits.act, final=frozenset(RefusalType)),
    Call.RECORD: Options(local=True, limit=lambda limits: limits.record, final=_NOT_OURS),
    Call.CHECK: Options(local=True, limit=lambda limits: limits.check, final=_NOT_OURS),
    Call.EFFECT: Options(local=False, limit=lambda limits: limits.effect, final=_NOT_OURS),
}


async def execute(activity: Activity[Input, Result], argument: Input, call: Call, *, summary: str) -> Result:
    """Calls the activity as the table says, until it is done or a refusal is final.

    Retried through an outage, a local activity fills the history with markers; a normal one waits quietly.

    Raises:
        ApplicationError: the final refusal, ready to leave an update handler; `refusal_type` names it. Or
            `PayloadTooLarge`, a fault in the program that no retry mends.
    """
    options = OPTIONS[call]
    facts = {"activity": activity.__name__, "closure_id": getattr(argument, "closure_id", None)}
    if options.local:
        try:
            return _read(activity, await _locally(activity, argument, options, summary))
        except FailureError as error:
            if refusal_type(error) in options.final - {RefusalType.TAKES_LONG}:
                raise _refusal_of(error) from error
        except Unreadable:
            workflow.logger.warning("an activity's result can't be read, doing it again", extra=facts)
    while True:
        try:
            return _read(activity, await _normally(activity, argument, options, summary))
        except ActivityError as error:
            if refusal_type(error) is not None or is_too_large(error.__cause__):
                raise _refusal_of(error) from error
            workflow.logger.warning("an activity was ended from outside, starting it anew", extra=facts)
            # Without the right key the SDK gives up for good on what an earlier attempt's heartbeat left.
            if not _comes_from_the_sdk(error):
                await workflow.sleep(_BEFORE_ANEW, summary="It was ended from outside: a pause")
        except Unreadable:
            workflow.logger.warning("an activity's result can't be read, doing it again", extra=facts)


class Unreadable(Exception):
    """A result that no activity of ours has given: a plain client can complete somebody's activity."""


def _read(activity: Activity[Input, Result], raw: RawValue | None) -> Result:
    """Raises `Unreadable`; the SDK would fail the workflow's task with it, for ever."""
    hint = get_type_hints(activity)["return"]
    if not isinstance(raw, RawValue):
        raise Unreadable
    try:
        result: Result = workflow.payload_converter().from_payload(raw.payload, hint)
    except (ValidationError, ValueError, TypeError, RuntimeError, KeyError, RecursionError) as error:
        raise Unreadable from error
    if not isinstance(result, hint):  # null is converted to None, whatever is expected
        raise Unreadable
    return result


async def _locally(
    activity: Activity[Input, Result], argument: Input, options: Options, summary: str
) -> RawValue | None:
    """A few tries in quick succession within one workflow task."""
    result: RawValue | None = await workflow.execute_local_activity(
        activity.__name__,
        argument,
        result_type=RawValue,
        schedule_to_close_timeout=_LOCALLY,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(milliseconds=100),
            maximum_attempts=_A_FEW,
            non_retryable_error_types=[each.value for each in options.final | {RefusalType.TAKES_LONG}],
        ),
        summary=summary,
    )
    return result


async def _normally(
    activity: Activity[Input, Result], argument: Input, options: Options, summary: str
) -> RawValue | None:
    limit = options.limit(time_limits(workflow.info().task_queue))
    result: RawValue | None = await workflow.execute_activity(
        activity.__name__,
        argument,
        result_type=RawValue,
        start_to_close_timeout=limit.total,
        heartbeat_timeout=limit.silence,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            backoff_coefficient=2.0,
            maximum_interval=timedelta(minutes=5),
            non_retryable_error_types=[each.value for each in options.final],
        ),
        summary=summary,
    )
    return result


def refusal_type(error: BaseException) -> RefusalType | None:
    """The rule behind a failure, if it was one that refused."""
    cause = error.__cause__ if isinstance(error, ActivityError) else error
    if not isinstance(cause, ApplicationError):
        return None
    return next((known for known in RefusalType if known.value == cause.type), None)


def is_too_large(error: BaseException | None) -> bool:
    """Whether a payload was too large for Temporal."""
    return isinstance(error, ApplicationError) and error.type == PAYLOAD_TOO_LARGE


def _comes_from_the_sdk(error: ActivityError) -> bool:
    """Every final failure of ours has a type."""
    return isinstance(error.__cause__, ApplicationError) and not error.__cause__.type


def _refusal_of(error: FailureError) -> ApplicationError:
    cause = error.__cause__ if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        return ApplicationError(cause.message, type=cause.type, non_retryable=True)
    return ApplicationError(str(error), type=type(error).__name__, non_retryable=True)
