"""`python -m keys.payload_keys`: makes a file of payload keys, and rotates its keys."""

import stat
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from keys.key_ring import load_key_ring, new_key_ring
from keys.secret_file import SecretFault
from private_files import create_file, make_private_folder, replace_file

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="The keys that payloads are encrypted under before Temporal gets them.",
)
KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="As CLOSURE_PAYLOAD_KEYS_FILE names it.")]


@app.command()
def new(file: KeyFile) -> None:
    """Makes a file with one fresh key; never overwrites one."""
    ring = new_key_ring()
    try:
        make_private_folder(file.parent)
        create_file(file, ring.to_json())
    except FileExistsError:
        _fail(f"{file} exists already; its keys are needed: `rotate` adds one")
    except OSError as error:
        _fail(f"{file} can't be written: {error.strerror or error}")
    _say(f"made {file}: key {ring.current}")


@app.command()
def rotate(
    file: KeyFile,
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare",
            help="Only add a key that decrypts; `rotate` makes it current when every worker has the file.",
        ),
    ] = False,
) -> None:
    """Encrypts under a new key from now on (a prepared one, if there is one); the old ones still decrypt."""
    try:
        old = load_key_ring(file)
        ring = old.prepare() if prepare else old.rotate()
        replace_file(file, ring.to_json(), mode=stat.S_IMODE(file.stat().st_mode))
    except SecretFault as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{file} can't be written: {error.strerror or error}")
    added = [key_id for key_id in ring.keys if key_id not in old.keys]
    if prepare:
        _say(f"{file}: key {added[0]} is prepared, {ring.current} still encrypts")
    else:
        _say(f"{file}: key {ring.current} encrypts from now on; restart worker and codec server")


def main() -> None:
    app(prog_name="python -m keys.payload_keys")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _fail(reason: str) -> NoReturn:
    sys.stderr.write(f"error: {reason}\n")
    raise typer.Exit(2)


if __name__ == "__main__":
    main()
