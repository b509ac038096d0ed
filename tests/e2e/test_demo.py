"""`make demo` in a fresh copy of the project, so that nobody's `.closure` is touched."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.driver import ESCAPE, PROJECT

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".closure", ".*_cache", ".hypothesis", ".env", "__pycache__"
)


@pytest.mark.timeout(600)
def test_demo_tells_its_stories_and_stops_what_it_started(tmp_path: Path) -> None:
    copy = tmp_path / "project"
    shutil.copytree(PROJECT, copy, ignore=LEFT_OUT)
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("CLOSURE_", "TEMPORAL_"))
    }
    finished = subprocess.run(
        [sys.executable, "-m", "deploy.demo"],
        cwd=copy,
        env={**clean, "TEMPORAL_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
        timeout=560,
    )
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-2000:]
    assert "http://127.0.0.1:" in finished.stdout, "the Web UI's address"
    assert ESCAPE not in finished.stdout
    for told in (
        "$ starter.py close",
        "$ starter.py fast-forward",
        "deleted",
        "restored",
        "dormant",
        "Stopped: ",
    ):
        assert told in finished.stdout
    assert not (copy / ".closure" / "local.json").exists(), "stopped"
