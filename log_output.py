"""Log lines by structlog through the standard library: the SDK's replay-aware loggers stay in charge.

A line is an event: `event` is a sentence that is always the same, what it is about stands in fields.
Persons, tokens and secrets are in none of them: libraries are heard when something is wrong, those that quote
addresses and statements not at all, and of an exception that isn't ours the message is left out.
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from temporalio import activity, workflow

from closure.errors import Refused
from closure.identifiers import account_of_workflow, provider_of_workflow
from settings import LogFormat

_CARRIED: Final = (
    *("closure_id", "account", "provider", "stage", "run"),
    *("activity", "attempt", "source", "operation", "error", "fault"),
)
"""Fields that loggers pass in `extra`; the SDK's own extras are left out: they repeat ids at length."""
_OURS: Final = (
    *("activities", "client", "closure", "codec", "connectors", "database", "keys", "records", "temporal"),
    *("temporalio", "web", "worker", "workflows"),
)
"""Loggers that are heard from INFO on, with those below them; all others from WARNING on."""
_QUOTING: Final = (
    *("aiohttp", "httpcore", "httpcore2", "httpx", "httpx2", "sqlalchemy", "urllib3", "uvicorn.access"),
)
"""Libraries whose lines quote addresses, headers or statements: a person's id or a token may be there."""
_SPEAKING: Final = frozenset({"activities", "closure", "database", "keys", "records", "temporalio"})
"""Packages whose errors are fixed sentences about machines, or what Temporal has been told anyway."""


def configure_logging(log_format: LogFormat | None) -> None:
    """Console lines on a terminal, JSON otherwise, unless the format is chosen. Times are UTC."""
    chosen = log_format or (LogFormat.CONSOLE if sys.stderr.isatty() else LogFormat.JSON)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=_CARRIED),
        _name_the_closure,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _tell_the_error,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if chosen is LogFormat.CONSOLE
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    _set_levels(handler)
    # Else they write a dictionary of ids behind each message.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _set_levels(handler: logging.Handler) -> None:
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    for name in _QUOTING:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _name_the_closure(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Fields of a workflow's line; an activity's are bound while it runs (`activities/log_context.py`)."""
    about = getattr(event.get("_record"), "temporal_workflow", None)
    if about:
        workflow_id = str(about.get("workflow_id", ""))
        named = {
            "account": account_of_workflow(workflow_id),
            "provider": provider_of_workflow(workflow_id),
            "run": about.get("run_id"),
        }
        event.update({name: value for name, value in named.items() if value and name not in event})
    return event


def _tell_the_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Where it was raised, and what it says if the sentence is ours."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["exception"] = "".join(_told(error))
    return event


def _told(error: BaseException) -> Iterator[str]:
    """As Python prints it, the messages of others aside."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _told(before)
        yield "\nwhich led to:\n\n"
    yield from traceback.format_tb(error.__traceback__)
    kind = type(error)
    if isinstance(error, Refused):  # its sentence may name persons; it is in the record, with the act
        yield f"{kind.__name__}: {error.type.value}"
    elif kind.__module__.partition(".")[0] in _SPEAKING:
        yield f"{kind.__name__}: {error}"
    else:
        yield f"{kind.__module__}.{kind.__qualname__}"
