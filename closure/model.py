"""The base of every pydantic model that crosses a boundary."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError


class Model(BaseModel):
    """Frozen; its validation errors never quote the input, which may be personal."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class WireModel(BaseModel):
    """A model that crosses Temporal: unknown fields of newer senders are ignored, so a roll-back reads on."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def to_utc(moment: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: UTC has no such year.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be within the years 1 to 9999 in UTC") from error


Instant = Annotated[AwareDatetime, AfterValidator(to_utc)]
"""An absolute time; any offset is read, UTC is kept."""


def first_fault(error: ValidationError) -> tuple[str, str]:
    """Of a document: the dotted key of the first thing that is wrong, and why."""
    fault = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    if fault["type"] == "extra_forbidden":
        return key, "unknown key"
    if fault["type"] == "missing":
        return key, "is missing"
    return key, fault["msg"].removeprefix("Value error, ")
