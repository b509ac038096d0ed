"""How every command ends: one answer as text or JSON, one error line, and the contract's exit codes."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn

from pydantic import JsonValue
from rich.console import Console, RenderableType

from closure.errors import Refused


class ExitCode(IntEnum):
    DONE = 0
    REFUSED = 1
    BAD_INPUT = 2
    UNREACHABLE = 3


class BadInput(Exception):
    """What was typed or written in a file cannot be right; the message says where and what to do."""


class Unreachable(Exception):
    """The server or the database does not answer; the message says which and what to do."""


@dataclass(frozen=True)
class Answer:
    """What a command found: `document` for ``--json``, `text` for people."""

    document: JsonValue
    text: RenderableType
    exit_code: ExitCode = ExitCode.DONE


def console() -> Console:
    """Standard output; wide and without colour or control characters when it is not a terminal."""
    if sys.stdout.isatty():
        return Console()
    return Console(width=160, color_system=None, force_terminal=False)


def execute(action: Callable[[], Awaitable[Answer]], *, as_json: bool) -> NoReturn:
    """Runs one command to its end and leaves the process with the contract's exit code."""
    try:
        answer = asyncio.run(_awaited(action))
    except BadInput as error:
        _fail(ExitCode.BAD_INPUT, "BadInput", str(error), as_json=as_json)
    except Unreachable as error:
        _fail(ExitCode.UNREACHABLE, "Unreachable", str(error), as_json=as_json)
    except Refused as refusal:
        _fail(
            ExitCode.REFUSED,
            refusal.type.value,
            refusal.message,
            as_json=as_json,
            acknowledgements=refusal.acknowledgements,
        )
    except KeyboardInterrupt:
        leave(130)
    if as_json:
        sys.stdout.write(json.dumps(answer.document, ensure_ascii=False, indent=2) + "\n")
    else:
        console().print(answer.text)
    leave(answer.exit_code)


async def _awaited(action: Callable[[], Awaitable[Answer]]) -> Answer:
    return await action()


def _fail(
    code: ExitCode, type: str, message: str, *, as_json: bool, acknowledgements: tuple[str, ...] = ()
) -> NoReturn:
    if as_json:
        error: dict[str, JsonValue] = {"type": type, "message": message}
        if acknowledgements:
            error["acknowledgements"] = list(acknowledgements)
        sys.stdout.write(json.dumps({"error": error}, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stderr.write(f"{type}: {message}\n" if code is ExitCode.REFUSED else f"error: {message}\n")
        for text in acknowledgements:
            sys.stderr.write(f'  --acknowledge "{text}"\n')
    leave(code)


def leave(code: int) -> NoReturn:
    """Ends the process at once: the SDK's runtime can abort a normal interpreter exit (sdk-python #300)."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
