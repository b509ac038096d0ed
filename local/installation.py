"""A Temporal server's programs in the user's cache folder: finished and unchanged, or not there at all."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

MARKER = "installed.json"


class Report(Protocol):
    """Takes one line that tells a waiting person what happens, and how much is done (0 to 1) where known."""

    def __call__(self, text: str, share: float | None = None, /) -> None: ...


class InstallationKind(StrEnum):
    BUILT = "built"  # the server and the Web UI, two programs
    DOWNLOADED = "downloaded"  # the command-line tool, whose development server contains both


@dataclass(frozen=True)
class ServerInstallation:
    """The programs to start; `ui` equals `server` for the command-line tool."""

    kind: InstallationKind
    server: Path
    ui: Path


class InstallationUnavailable(Exception):
    """This way of getting a server does not work here; the message says why and what would help."""


def cache_directory(environment: Mapping[str, str] | None = None) -> Path:
    """`$XDG_CACHE_HOME/account-closure`, by default under `~/.cache`; relative values don't count."""
    configured = Path((os.environ if environment is None else environment).get("XDG_CACHE_HOME", ""))
    base = configured if configured.is_absolute() else Path.home() / ".cache"
    return base / "account-closure"


def platform_name() -> str:
    return f"{sys.platform}-{platform.machine().lower()}"


def is_complete(folder: Path, version: str, programs: Mapping[str, Path]) -> bool:
    """Whether the marker is there, of this version, and every program still has the recorded checksum."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        recorded = marker["sha256"]
        return marker["version"] == version and all(
            os.access(program, os.X_OK) and recorded[name] == _sha256(program)
            for name, program in programs.items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def mark_complete(folder: Path, version: str, programs: Mapping[str, Path]) -> None:
    """Written last and in one step: without the marker a folder counts as unfinished."""
    marker = {
        "version": version,
        "sha256": {name: _sha256(program) for name, program in programs.items()},
    }
    unfinished = folder / f"{MARKER}.unfinished"
    with unfinished.open("w", encoding="utf-8") as file:
        json.dump(marker, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / MARKER)


def start_over(folder: Path) -> None:
    """An empty folder, whatever an interrupted attempt has left in it. Raises InstallationUnavailable."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise _not_writable(error) from error


@contextmanager
def only_one(folder: Path, report: Report) -> Iterator[None]:
    """Holds the lock beside `folder`, waiting for another process that holds it.

    Raises InstallationUnavailable.
    """
    lock_file = folder.with_name(f"{folder.name}.lock")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        opened = lock_file.open("a")
    except OSError as error:
        raise _not_writable(error) from error
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"another process prepares {folder.parent.name}; waiting for it ({lock_file})")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _not_writable(error: OSError) -> InstallationUnavailable:
    return InstallationUnavailable(
        f"the cache folder can't be written: {error}; set XDG_CACHE_HOME to a folder that can"
    )


def _sha256(program: Path) -> str:
    with program.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
