"""The command line: `python starter.py --help`. Its commands are in `commandline/`."""

import sys

import typer

from commandline.terminal import ExitCode, fail, leave

PLATFORM = "platform"


def command_line(words: list[str]) -> typer.Typer:
    """All commands; or only the platform's, when one of them is asked for: they start in half the time."""
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help="Closes accounts: start a closure, follow it, act on it.",
    )
    if words[:1] != [PLATFORM]:
        _mount_closures(app)
    from commandline import platform

    app.add_typer(platform.app, name=PLATFORM, help="The embedded account platform that stands in for yours.")
    return app


def _mount_closures(app: typer.Typer) -> None:
    from commandline import auditing, certifying, clock, closing, export, looking, proving

    for commands in (
        looking.app,
        auditing.app,
        export.app,
        proving.app,
        closing.app,
        certifying.app,
        clock.app,
    ):
        app.add_typer(commands)


def main() -> None:
    """Runs one command; wrong usage is one line and exit 2, also as JSON."""
    words = sys.argv[1:]
    try:
        command_line(words)(words or ["--help"], prog_name="starter.py", standalone_mode=False)
    except typer.TyperException as error:
        advice = "see `starter.py --help` and `starter.py COMMAND --help`"
        message = f"{error.format_message().rstrip('.')}; {advice}"
        fail(ExitCode.BAD_INPUT, "BadUsage", message, as_json="--json" in words)
    except typer.Abort:
        leave(ExitCode.INTERRUPTED)
    leave(ExitCode.DONE if words else ExitCode.BAD_INPUT)


if __name__ == "__main__":
    main()
