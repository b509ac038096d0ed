"""The first step of every make target: an old Python gets a sentence, a half-made `.venv` is redone."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.set_up import share_of

SCRIPT = Path(__file__).parents[2] / "local" / "set_up.py"

AS_OLD_PYTHON = """
import collections, runpy, sys
sys.hexversion = 0x030A0EF0
sys.version_info = (3, 10, 14, "final", 0)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


class Checkout:
    """A folder with nothing but the script, how it reports, and a list of packages to install."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "local" / "set_up.py"
        self.script.parent.mkdir()
        for name in ("__init__.py", "progress.py", SCRIPT.name):
            shutil.copy(SCRIPT.with_name(name), self.script.parent)
        self.require("")

    def require(self, packages: str) -> None:
        (self.folder / "requirements.lock").write_text(packages)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *(command or (str(self.script),))],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder.parent,
        )

    @property
    def stamp(self) -> Path:
        return self.folder / ".venv" / "requirements.sha256"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder = tmp_path / "check out"
    folder.mkdir()
    return Checkout(folder)


def test_an_old_python_can_read_the_script() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 6))


def test_an_old_python_gets_one_sentence_and_changes_nothing(checkout: Checkout) -> None:
    finished = checkout.run("-c", AS_OLD_PYTHON, str(checkout.script))
    assert finished.returncode == 2
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert "Python 3.11 or newer is needed, found 3.10" in line
    assert "make PYTHON=" in line
    assert not (checkout.folder / ".venv").exists()


def test_a_failed_set_up_is_named_and_redone_and_a_finished_one_left_alone(checkout: Checkout) -> None:
    checkout.require("./missing-package --hash=sha256:" + "0" * 64)
    failed = checkout.run()
    assert failed.returncode == 2
    assert "installing requirements.lock ended with status" in failed.stderr.splitlines()[-1]
    assert "Traceback" not in failed.stderr
    assert not checkout.stamp.exists()

    checkout.require("")
    leftover = checkout.folder / ".venv" / "leftover"
    leftover.write_text("of the failed attempt")
    redone = checkout.run()
    assert (redone.returncode, redone.stdout) == (0, ""), redone.stderr
    assert redone.stderr.splitlines() == ["setting up .venv (once, about a minute)", "set up .venv"]
    assert checkout.stamp.exists()
    assert not leftover.exists()

    again = checkout.run()
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.parametrize(
    ("done", "of", "share"), [(0, 2, 0.0), (1, 2, 0.5), (2, 2, 1.0), (3, 2, 1.0), (0, 0, 0.0)]
)
def test_the_share_is_never_more_than_all(done: int, of: int, share: float) -> None:
    assert share_of(done, ["a"] * of) == share
