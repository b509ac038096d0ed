"""Closures that began under an earlier release go on under this one: their histories replay.

A failure here means that a deploy would stick running closures: guard the change with `workflow.patched`.
Record anew (`python -m tests.replay.record_histories`) only what was never released.
"""

import re
import socket
from pathlib import Path

import pytest
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from bootstrap import workflow_runner
from keys.data_converter import build_data_converter
from tests.replay.changed_workflow import HastyClosure
from tests.replay.recorded import HISTORIES, WORKER, read, texts
from tests.replay.shapes import SHAPES, TELLING
from workflows.account_closure import AccountClosure

FILES = sorted(HISTORIES.rglob("*.json"))
NAMES = [str(file.relative_to(HISTORIES).with_suffix("")) for file in FILES]


def replayer(workflow: type) -> Replayer:
    return Replayer(
        workflows=[workflow], data_converter=build_data_converter(), workflow_runner=workflow_runner()
    )


@pytest.mark.parametrize("file", FILES, ids=NAMES)
async def test_a_recorded_history_replays(file: Path) -> None:
    await replayer(AccountClosure).replay_workflow(read(file))


@pytest.mark.parametrize("name", ["deleted", "restored"])
async def test_a_history_does_not_replay_when_a_step_is_left_out(name: str) -> None:
    with pytest.raises(NondeterminismError):
        await replayer(HastyClosure).replay_workflow(read(HISTORIES / f"{name}.json"))


async def test_what_never_came_to_the_step_replays_without_it() -> None:
    await replayer(HastyClosure).replay_workflow(read(HISTORIES / "withdrawn.json"))


def test_every_shape_is_recorded() -> None:
    for shape in SHAPES:
        names = {f"{shape.name}-run-{number}" for number in (1, 2, 3)} if shape.is_continued else {shape.name}
        assert names <= set(NAMES)


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_recorded_history_names_no_machine_path_or_person(file: Path) -> None:
    here = re.escape(socket.gethostname())
    telling = re.compile(rf"\b\d+@{here}\b|/home/|/work/|/tmp/|/root/|@\S+\.example|\+1555")
    canaries = re.compile("|".join(rf"(?<![\w.-]){re.escape(each)}(?![\w.-])" for each in TELLING))
    for text in texts(file):
        assert telling.search(text) is None
        assert canaries.search(text) is None
    for identity in re.findall(r'"identity": "([^"]*)"', file.read_text(encoding="utf-8")):
        assert identity == WORKER
