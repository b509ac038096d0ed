"""How every command ends: one answer as text or JSON, one error line, and the contract's exit codes."""

import asyncio
import json
import os
import re
import shlex
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NoReturn

from pydantic import JsonValue
from rich.console import Console, RenderableType
from rich.text import Text

from closure.errors import Refused
from closure.visible_text import is_unseen, printable
from commandline.advice import NOTHING_NAMED, Asked, advice_on
from keys.payload_faults import payload_fault
from program_exit import discard_output, leave, output_failed
from temporal.faults import ConnectionFault, ServerUnreachable

_NOT_ASCII = re.compile(r"[^\n -~]")


PIPE_WIDTH: Final = 160


class ExitCode(IntEnum):
    DONE = 0
    REFUSED = 1
    BAD_INPUT = 2
    UNREACHABLE = 3
    INTERNAL = 70
    """A defect of the program itself (sysexits' EX_SOFTWARE); no rule, input or server leads here."""
    INTERRUPTED = 130


class BadInput(Exception):
    """What was typed or written in a file cannot be right; the message says where and what to do.

    `faults` are the lines of a file that is wrong in several ways.
    """

    def __init__(self, message: str, *, faults: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class Unreachable(Exception):
    """The server or the database does not answer; the message says which and what to do."""


@dataclass(frozen=True)
class Answer:
    """What a command found: `document` for ``--json``, `text` for people.

    A plain string in `text` is printed as it is: it is no Rich markup.
    """

    document: JsonValue
    text: RenderableType
    exit_code: ExitCode = ExitCode.DONE
    verbatim: str | None = None
    """Printed as it is instead of both: a file whose bytes count."""


def console() -> Console:
    """Standard output; wide and without colour or control characters when it is not a terminal.

    `FORCE_COLOR` makes a pipe look like one, `COLUMNS` says how wide it is, `NO_COLOR` is heeded in both.
    """
    if sys.stdout.isatty() or os.environ.get("FORCE_COLOR"):
        return Console()
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() else PIPE_WIDTH
    return Console(width=width, color_system=None, force_terminal=False)


def one_line(text: str) -> str:
    """`text` as one printable line."""
    return " ".join(printable(text.replace("\t", " ")).split())


def plain(text: str, style: str = "") -> Text:
    """Text for Rich that shows `text` as it is: no markup, no control characters."""
    return Text(printable(text), style=style)


def execute(
    action: Callable[[], Awaitable[Answer]], *, as_json: bool, asked: Asked = NOTHING_NAMED
) -> NoReturn:
    """Runs one command to its end and leaves the process with the contract's exit code.

    What to do about a refusal is said for `asked`.
    """
    try:
        answer = asyncio.run(_awaited(action))
    except (KeyboardInterrupt, asyncio.CancelledError):
        leave(ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - a person gets one line, never a traceback
        fail_with(error, as_json=as_json, asked=asked)
    if answer.verbatim is not None:
        verbatim = answer.verbatim
        _print(lambda: sys.stdout.buffer.write(verbatim.encode()))
    elif as_json:
        print_json(answer.document)
    else:
        text = answer.text
        _print(lambda: console().print(plain(text) if isinstance(text, str) else text, crop=False))
    leave(answer.exit_code)


async def _awaited(action: Callable[[], Awaitable[Answer]]) -> Answer:
    return await action()


def fail_with(error: Exception, *, as_json: bool, asked: Asked = NOTHING_NAMED) -> NoReturn:
    """Says in one line what went wrong and leaves with the exit code that belongs to it."""
    match error:
        case Refused():
            fail(
                ExitCode.REFUSED,
                error.type.value,
                _with_advice(error, asked),
                as_json=as_json,
                acknowledgements=error.acknowledgements,
                facts=error.facts,
            )
        case BadInput():
            fail(ExitCode.BAD_INPUT, "BadInput", str(error), as_json=as_json, faults=error.faults)
        case ConnectionFault():
            fail(ExitCode.BAD_INPUT, "BadInput", str(error), as_json=as_json)
        case Unreachable() | ServerUnreachable():
            fail(ExitCode.UNREACHABLE, "Unreachable", str(error), as_json=as_json)
        case _ if (fault := payload_fault(error)) is not None:
            reason = f"{fault}; check CLOSURE_PAYLOAD_KEYS_FILE and CLOSURE_ENCRYPTION"
            fail(ExitCode.BAD_INPUT, "BadInput", reason, as_json=as_json)
        case _ if _is_outage(error):
            reason = f"the server or the database failed: {type(error).__name__}: {error}"
            reason = f"{reason}; {outage_advice(error)}"
            fail(ExitCode.UNREACHABLE, "Unreachable", reason, as_json=as_json)
        case _:
            reason = f"{type(error).__name__}: {error}; this is a defect, nothing you did"
            fail(ExitCode.INTERNAL, "InternalError", reason, as_json=as_json)


def _with_advice(refused: Refused, asked: Asked) -> str:
    advice = advice_on(refused, asked)
    return refused.message if advice is None else f"{refused.message.rstrip('.')}; {advice}"


def _is_outage(error: Exception) -> bool:
    """Whether the libraries that talk to servers raised it; imported here since most commands never fail."""
    from sqlalchemy.exc import DBAPIError
    from temporalio.client import RPCTimeoutOrCancelledError
    from temporalio.service import RPCError

    return isinstance(error, DBAPIError | RPCError | RPCTimeoutOrCancelledError | OSError | TimeoutError)


def outage_advice(error: BaseException | None) -> str:
    """What to do about a server that failed with this."""
    from temporalio.service import RPCError, RPCStatusCode

    denied = (RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED)
    is_denied = isinstance(error, RPCError) and error.status in denied
    return "check TEMPORAL_API_KEY and TLS settings" if is_denied else "try again"


def fail(
    code: ExitCode,
    type: str,
    message: str,
    *,
    as_json: bool,
    acknowledgements: tuple[str, ...] = (),
    facts: Mapping[str, JsonValue] = {},
    faults: tuple[str, ...] = (),
) -> NoReturn:
    """Prints one error, on stdout as JSON or on stderr, as one line and one for each detail, and leaves."""
    if as_json:
        error: dict[str, JsonValue] = {"type": type, "message": one_line(message)}
        if acknowledgements:
            error["acknowledgements"] = list(acknowledgements)
        if facts:
            error["facts"] = dict(facts)
        if faults:
            error["faults"] = [one_line(fault) for fault in faults]
        print_json({"error": error})
    else:
        label = type if code is ExitCode.REFUSED else "error"
        lines = [f"{label}: {one_line(message)}"]
        lines += [_consent(text, facts) for text in acknowledgements]
        lines += [f"  {one_line(fault)}" for fault in faults]
        _print(lambda: sys.stderr.write("\n".join(lines) + "\n"))
    leave(code)


def _consent(text: str, facts: Mapping[str, JsonValue]) -> str:
    """How a text is agreed to or acknowledged, as it would be typed."""
    if text == facts.get("agreement"):
        return f"  --agree  ({one_line(text)})"
    return f"  --acknowledge {shlex.quote(one_line(text))}"


def print_json(document: JsonValue) -> None:
    """Writes the one JSON document of a ``--json`` command; what a terminal would obey is escaped in it."""
    text = _NOT_ASCII.sub(_escaped_if_unseen, json.dumps(document, ensure_ascii=False, indent=2))
    _print(lambda: sys.stdout.write(text + "\n"))


def _escaped_if_unseen(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if is_unseen(found[0]) else found[0]


def _print(write: Callable[[], object]) -> None:
    try:
        write()
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
    except OSError as error:
        output_failed(error)
