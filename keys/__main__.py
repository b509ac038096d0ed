"""`python -m keys`: the tools for key material, under one name."""

import typer

from keys import payload_keys, signing_command

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="The keys of an installation: `rotate` is for the one that signs.",
)
app.command()(signing_command.rotate)
app.add_typer(payload_keys.app, name="payload")


if __name__ == "__main__":
    app(prog_name="python -m keys")
