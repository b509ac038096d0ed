"""The command line: `python starter.py --help`. Its commands are in `commandline/`."""

import sys

import typer

from commandline import certifying, clock, closing, looking, platform, proving
from commandline.terminal import ExitCode, fail, leave

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Closes accounts: start a closure, follow it, act on it.",
)
for commands in (looking.app, proving.app, closing.app, certifying.app, clock.app):
    app.add_typer(commands)
app.add_typer(platform.app, name="platform", help="The embedded account platform, which stands in for yours.")


def main() -> None:
    """Runs one command; wrong usage is one line and exit 2, also as JSON."""
    words = sys.argv[1:]
    try:
        app(words or ["--help"], prog_name="starter.py", standalone_mode=False)
    except typer.TyperException as error:
        advice = "see `starter.py --help` and `starter.py COMMAND --help`"
        message = f"{error.format_message().rstrip('.')}; {advice}"
        fail(ExitCode.BAD_INPUT, "BadUsage", message, as_json="--json" in words)
    except typer.Abort:
        leave(ExitCode.INTERRUPTED)
    leave(ExitCode.DONE if words else ExitCode.BAD_INPUT)


if __name__ == "__main__":
    main()
