"""`make demo` in a fresh copy of the project, so that nobody's `.closure` is touched."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.installed_program import ESCAPE, PROJECT

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".closure", ".*_cache", ".hypothesis", ".env", "__pycache__"
)
README = (PROJECT / "README.md").read_text(encoding="utf-8")
CHANGES_EACH_TIME = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{6}\b|\d+")
MOST_LINES, MOST_LINES_OF_A_STORY, MOST_COLUMNS = 150, 30, 80


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project as somebody has just cloned it."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder, ignore=LEFT_OUT)
    return folder


def run(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("CLOSURE_", "TEMPORAL_"))
    }
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=copy,
        env={**clean, "TEMPORAL_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
        timeout=560,
    )


def as_every_time(text: str) -> str:
    """The words, with a sign for each number and id."""
    return " ".join(CHANGES_EACH_TIME.sub("#", text).split())


@pytest.mark.timeout(600)
def test_demo_tells_its_stories_and_stops_what_it_started(copy: Path) -> None:
    finished = run(copy, "local.demo")
    told = finished.stdout
    assert finished.returncode == 0, told[-2000:] + finished.stderr[-2000:]
    assert ESCAPE not in told
    stories = re.split(r"(?m)^── \d\. .*$", told)[1:]
    blocked, late, refund, pause = (" ".join(story.split()) for story in stories)
    for story, what in (
        (blocked, "Bill b-2026-10 of 18.20 USD is unpaid"),
        (blocked, "Silent period, for bills that come late: 3 days"),
        (blocked, "Closing your account: was that you?; You confirmed that your account will be closed"),
        (blocked, "lost its text with the account. Text messages: 4."),
        (blocked, "Refused: the closure has been confirmed; nothing can change or stop it now."),
        (blocked, 'verified: closure "closure-'),
        (late, "Restored. Still owed: Bill late-1 of 12.34 USD is unpaid."),
        (late, "was not closed and is in normal use again."),
        (late, "Gone for good: ecs-1, 42.00 USD"),
        (pause, "the chain is whole"),
        (refund, "Everything has stopped (checked). Until the data is deleted: 29 days"),
        (refund, "Refund of 150.00 USD: pending"),
        (refund, "Refund of 150.00 USD: settled."),
        (pause, "Kept (checked): 30.00 USD, 12.00 USD promotional, 9 objects"),
        *((story, ", each kind once: ") for story in (blocked, late, refund, pause)),
    ):
        assert what in story
    assert as_every_time(stories[1]) in as_every_time(README), "the README shows another second story"
    assert "All 4 accounts ended as they should" in told
    assert "Stopped: web service, worker and Temporal server." in told
    assert not (copy / ".closure" / "local.json").exists(), "stopped"

    assert len(told.splitlines()) <= MOST_LINES
    assert [line for line in told.splitlines() if len(line) > MOST_COLUMNS] == []
    assert "…" not in told.partition("──")[2], "nothing is cut off"
    lengths = [len(story.strip().splitlines()) + 1 for story in stories]
    assert max(lengths) <= MOST_LINES_OF_A_STORY, lengths


@pytest.mark.timeout(600)
def test_a_story_that_goes_wrong_ends_it_with_1_and_what_is_kept_can_be_looked_at(copy: Path) -> None:
    sample = copy / "local" / "demo_accounts" / "ali-demo.yaml"
    text = sample.read_text(encoding="utf-8")
    assert "status: unpaid" in text
    sample.write_text(text.replace("status: unpaid", "status: paid"), encoding="utf-8")
    finished = run(copy, "local.demo", "--keep")
    try:
        assert finished.returncode == 1, finished.stdout[-2000:] + finished.stderr[-2000:]
        (fault,) = [line for line in finished.stderr.splitlines() if "the demo is not as told" in line]
        assert "should be blocked by 3 things to settle elsewhere" in fault
        assert "To stop them: make down" in finished.stdout
        assert "as they should" not in finished.stdout
        assert (copy / ".closure" / "local.json").exists(), "goes on running"
    finally:
        stopped = run(copy, "local.down")
    assert "worker" in stopped.stdout
    assert "Temporal server" in stopped.stdout
