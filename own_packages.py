"""Runs a program again with `.venv`'s Python where the packages are missing. Standard library only."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

NEEDED = ("pydantic", "temporalio", "typer")
"""The packages that every program imports first."""


def ensure_packages(script: str) -> None:
    """Returns where the packages are; else `script` runs again with `.venv/bin/python` beside it.

    Where that has none either, one line says what to do, and the process ends with exit code 2.
    """
    if sys.version_info >= (3, 11) and all(find_spec(name) is not None for name in NEEDED):
        return
    folder = Path(script).resolve().parent
    environment = folder / ".venv"
    python = environment / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != environment.resolve():
        os.execv(python, [str(python), *sys.argv])
    sys.stderr.write(f"error: the packages are not there yet: `make setup` in {folder} comes first\n")
    raise SystemExit(2)
