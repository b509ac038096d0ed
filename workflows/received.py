"""What arrives from Temporal, which may be anything: decoded here, or refused."""

from collections.abc import Sequence
from typing import TypeVar

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, ValidationError

    from activities.watching import WatchCall
    from closure.errors import RefusalType
    from closure.start import ActUpdate, ClosureStart

Read = TypeVar("Read", bound="BaseModel")
NO_INPUT = RawValue(Payload())


def malformed(message: str) -> ApplicationError:
    """The failure of what can't be read."""
    return ApplicationError(message, type=RefusalType.MALFORMED_INPUT.value, non_retryable=True)


def start_of(raw: RawValue) -> ClosureStart:
    """The start's argument.

    Raises:
        ApplicationError: `MalformedInput`.
    """
    return _decoded(raw, ClosureStart)


def watch_of(raw: RawValue) -> WatchCall:
    """The argument of a watchman's round.

    Raises:
        ApplicationError: `MalformedInput`.
    """
    return _decoded(raw, WatchCall)


def _decoded(raw: RawValue, model: type[Read]) -> Read:
    try:
        return model.model_validate(workflow.payload_converter().from_payload(raw.payload, model))
    except (ValidationError, ValueError, TypeError, RuntimeError, KeyError, RecursionError) as error:
        raise malformed("the input is not what this workflow is started with") from error


def require_plain_start() -> None:
    """A run that Temporal would end, repeat or start by itself is none of ours.

    Raises:
        ApplicationError: `MalformedInput`.
    """
    info = workflow.info()
    if (
        info.parent is not None
        or info.cron_schedule
        or info.retry_policy is not None
        or info.execution_timeout
        or info.run_timeout
    ):
        raise malformed("a closure runs without a parent, a schedule, a retry policy and time limits")


def act_of(said: Sequence[object]) -> str:
    """The act that an update names.

    Raises:
        ApplicationError: `MalformedInput`.
    """
    try:
        (only,) = said
        return ActUpdate.model_validate(only).act_id
    except (ValidationError, ValueError, TypeError, RecursionError) as error:
        raise malformed("an update names one act of the record") from error
