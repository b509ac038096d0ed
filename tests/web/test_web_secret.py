"""The key that links to certificates are signed by: neither program starts with one that can't be used."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.harness.databases import prepare_template
from tests.harness.installed_program import PROJECT
from tests.web.test_web_program import surroundings

KEY: Final = "5e" * 32
OTHERS: Final = 0o755


def written(content: str, mode: int = 0o600) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        file.write_text(content)
        file.chmod(mode)

    return write


def in_place_of_its_folder(file: Path) -> None:
    file.parent.rmdir()
    file.parent.write_text("no folder")


WRONG: Final[Mapping[str, tuple[Callable[[Path], None], str]]] = {
    "empty": (written(""), "is not 64 hex digits"),
    "too short": (written(KEY[:-2]), "is not 64 hex digits"),
    "too long": (written(f"{KEY}00"), "is not 64 hex digits"),
    "no hex": (written("x" * 64), "is not 64 hex digits"),
    "readable by others": (written(KEY, 0o644), "is open to other users (mode 0644)"),
    "a folder": (Path.mkdir, "can't be read: Is a directory"),
    "nowhere to make it": (in_place_of_its_folder, "can't be made: "),
}


@pytest.mark.parametrize("program", ["web.py", "worker.py"])
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_key_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, program: str, wrong: str
) -> None:
    break_it, said = WRONG[wrong]
    await prepare_template(tmp_path / "accounts.db")
    file = tmp_path / "keys" / "web.secret"
    file.parent.mkdir()
    file.parent.chmod(OTHERS)
    break_it(file)
    settings = {
        "CLOSURE_WEB_SECRET_FILE": str(file),
        "CLOSURE_WEB_URL": "https://close.example",
        "CLOSURE_WEB_ADDRESS": "127.0.0.1:8300",
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
    }
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(PROJECT / program)],
        cwd=tmp_path,
        env=surroundings(tmp_path, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert (ended.returncode, ended.stdout) == (2, ""), ended
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error: web secret {file} {said}")
    assert KEY[:8] not in line
