"""What people see and programs call over HTTP. `python web.py --help` shows the options."""

from own_packages import ensure_packages

ensure_packages(__file__)

import sys
from typing import Annotated

import typer

from program_exit import leave
from program_version import VERSION

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    version: Annotated[bool, typer.Option("--version", help="Say which version this is, then end.")] = False,
) -> None:
    """Serves pages and API until SIGTERM or SIGINT, then ends 0."""
    if version:
        sys.stdout.write(f"{VERSION}\n")
        leave(0)
    from web_program import run_web

    run_web()


if __name__ == "__main__":
    app()
