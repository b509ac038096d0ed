"""Files that commands write: what is there already is never written over."""

from pathlib import Path
from typing import Final

from commandline.terminal import BadInput

OUTPUT: Final = "--output"
"""The option by which all commands that write a file take its name."""


def write_file(file: Path, content: bytes, *, option: str = OUTPUT) -> None:
    """Writes a new file; `option` is the one that names it.

    Raises:
        BadInput: there is something of that name, or it can't be written.
    """
    try:
        with file.open("xb") as out:
            out.write(content)
    except FileExistsError as error:
        raise BadInput(f"{file} exists already; name another with {option}") from error
    except OSError as error:
        raise BadInput(f"{file} can't be written: {error.strerror or error}") from error
