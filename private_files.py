"""Files and folders that only their owner may read, whatever the umask; those that exist stay as they are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Final

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
_PRIVATE_FOLDER: Final = 0o700


def make_private_folder(folder: Path) -> None:
    """With its parents, as far as they are missing.

    Raises:
        OSError: it can't be made.
    """
    missing = [each for each in folder.parents if not each.exists()]
    for each in (*reversed(missing), folder):
        each.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)


def owner_only(file: str | Path, flags: int) -> int:
    """An opener for `open`: a file that it makes is private."""
    return os.open(file, flags | os.O_CLOEXEC, PRIVATE)


def create_file(file: Path, content: str) -> None:
    """A new private file, whole or not at all, of those who make it at once by one only.

    Raises:
        FileExistsError: there is one, which stays.
        OSError: it can't be written.
    """
    with _written(file, content, PRIVATE) as unfinished:
        os.link(unfinished, file)


def replace_file(file: Path, content: str, *, mode: int = PRIVATE) -> None:
    """In one step: a reader sees the old content or the new one, never half a file.

    Raises:
        OSError: it can't be written; what was there stays.
    """
    with _written(file, content, mode) as unfinished:
        unfinished.replace(file)


@contextmanager
def _written(file: Path, content: str, mode: int) -> Iterator[Path]:
    """Beside the file, durable, and gone afterwards."""
    descriptor, name = mkstemp(prefix=f".{file.name}.", suffix=".unfinished", dir=file.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(content)
            out.flush()
            os.fchmod(out.fileno(), mode)
            os.fsync(out.fileno())
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Makes the name of a new file in it as durable as its content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
