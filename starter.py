#!/usr/bin/env python3
"""The command line: `python starter.py --help`. Its commands are in `commandline/`, one in `local/`."""

from own_packages import ensure_packages

ensure_packages(__file__)

import gc
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from commandline.commands import Grouped, Purpose
from program_exit import discard_output, leave, output_failed
from program_version import VERSION

if TYPE_CHECKING:
    from installation import Installation
    from settings import Settings

CLOSE, LOOK, OPERATE, TRY = Purpose
PROGRAM: Final = "starter.py"
COMPLETING: Final = "_STARTER.PY_COMPLETE"
"""What a shell sets when it wants to know how a command goes on."""
GARBAGE_THRESHOLD: Final = 200_000
"""New objects before the collector looks; Python's default would make it look a hundred times and more."""


class Listed(NamedTuple):
    """Where a command is, and what `--help` says of it: importing them all would take most of a start."""

    module: str
    purpose: Purpose
    says: str
    is_group: bool = False


COMMANDS: Final[Mapping[str, Listed]] = {
    "plan": Listed("commandline.looking", LOOK, "What a closure would do, and when; changes nothing."),
    "challenge": Listed("commandline.proving", CLOSE, "Sends a one-time code to the user who acts."),
    "close": Listed("commandline.closing", CLOSE, "Starts the closure and prints the first checklist."),
    "recheck": Listed("commandline.closing", CLOSE, "Checks again, now that something was handled."),
    "renounce": Listed("commandline.closing", CLOSE, "Gives up what is in the way: it is lost for good."),
    "confirm": Listed("commandline.closing", CLOSE, "Enters the irreversible part."),
    "approve": Listed("commandline.closing", CLOSE, "The second person's yes, where it is wanted."),
    "withdraw": Listed("commandline.closing", CLOSE, "Ends a closure that can still be stopped."),
    "status": Listed("commandline.looking", LOOK, "Where a closure stands, and what comes next."),
    "watch": Listed("commandline.looking", LOOK, "Follows a closure live, with a countdown."),
    "list": Listed("commandline.listing", LOOK, "All closures, those opened last first."),
    "audit": Listed("commandline.auditing", LOOK, "What happened, event by event; verifies the chain."),
    "certificate": Listed("commandline.certifying", LOOK, "The signed certificate, also as a PDF."),
    "export": Listed("commandline.export", LOOK, "The account's bills, payments and usage."),
    "resume": Listed("commandline.operating", OPERATE, "Lets an interrupted closure go on in a new run."),
    "brake": Listed("commandline.operating", OPERATE, "While it is on, nothing irrevocable proceeds."),
    "refund": Listed("commandline.refunding", OPERATE, "What staff paid of a refund by other means."),
    "erase-again": Listed("commandline.erasing", OPERATE, "Erases again, after a restored backup."),
    "fast-forward": Listed("local.fast_forward_command", TRY, "Moves a closure's own clock."),
    "platform": Listed("commandline.platform", TRY, "The platform that stands in for yours.", True),
}


def command_line(words: list[str]) -> typer.Typer:
    """The command that `words` begin with and those beside it; without one, all, as `--help` lists them."""
    app = _without_commands()
    asked = words[0] if words else ""
    if asked in COMMANDS:
        _mount(app, asked)
        return app
    for name, listed in COMMANDS.items():
        app.command(name=name, help=listed.says, rich_help_panel=listed.purpose.value)(_listed)
    return app


def every_command() -> typer.Typer:
    """All commands with all their options."""
    app = _without_commands()
    for name in {listed.module: name for name, listed in COMMANDS.items()}.values():
        _mount(app, name)
    return app


def _without_commands() -> typer.Typer:
    app = typer.Typer(cls=Grouped, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(help="Closes accounts: start a closure, follow it, act on it.")(_options)
    return app


def _mount(app: typer.Typer, name: str) -> None:
    listed = COMMANDS[name]
    commands = import_module(listed.module).app
    if listed.is_group:
        app.add_typer(
            commands, name=name, cls=Grouped, help=listed.says, rich_help_panel=listed.purpose.value
        )
    else:
        app.add_typer(commands)


def _listed() -> None:
    """Never runs: a command that is asked for is imported."""


def _say_version(wanted: bool) -> None:
    if wanted:
        print(VERSION)
        leave(0)


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which version this is, then end.", callback=_say_version),
    ] = False,
) -> None:
    """Has no work of its own: `--version` ends before it."""


def open_installation(settings: "Settings") -> "AbstractAsyncContextManager[Installation]":
    """What the commands open the installation with; imported by those that do."""
    import installation

    return installation.open_installation(settings)


def _command_path(error: typer.TyperException) -> str:
    """The command that was wrong, as it was typed."""
    return str(getattr(getattr(error, "ctx", None), "command_path", PROGRAM))


def main() -> None:
    """Runs one command; wrong usage is one line and exit 2, also as JSON."""
    # What is imported stays: looking it through for garbage takes a fifth of a start.
    gc.set_threshold(GARBAGE_THRESHOLD)
    words = sys.argv[1:]
    if sys.stdout is None:  # closed by who started this
        discard_output()
    try:
        if "--version" in words:
            _say_version(True)
        app = every_command() if COMPLETING in os.environ else command_line(words)
        app(words or ["--help"], prog_name=PROGRAM, standalone_mode=False, obj=open_installation)
    except typer.TyperException as error:
        from commandline.terminal import ExitCode, fail

        # Typer passes on how the library below begins its own sentences.
        said = error.format_message().replace("Value error, ", "").removeprefix("Invalid value: ").rstrip(".")
        message = f"{said}; see: python {_command_path(error)} --help"
        fail(ExitCode.BAD_INPUT, "BadUsage", message, as_json="--json" in words)
    except OSError as error:  # the help could not be written
        output_failed(error)
    except typer.Abort:
        from commandline.terminal import ExitCode

        leave(ExitCode.INTERRUPTED)
    leave(0 if words else 2)


if __name__ == "__main__":
    main()
