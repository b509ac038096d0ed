"""Recorded histories: where they are, and what must not be in them."""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import JsonValue
from temporalio.client import WorkflowHistory

HISTORIES = Path(__file__).parent / "histories"
WORKER = "worker"
TASK_QUEUE = "account-closure"

# Names of machines and processes, and paths.
_REPLACED = {"identity": WORKER, "binaryChecksum": WORKER, "buildId": WORKER, "stackTrace": ""}


def anonymous_json(history: WorkflowHistory, task_queue: str) -> str:
    """The history's JSON, readable and without what names a machine, a process or a test."""
    anonymous = _anonymous(json.loads(history.to_json()), task_queue)
    return json.dumps(anonymous, indent=1, sort_keys=True) + "\n"


def _anonymous(value: JsonValue, task_queue: str) -> JsonValue:
    if isinstance(value, list):
        return [_anonymous(member, task_queue) for member in value]
    if not isinstance(value, dict):
        return TASK_QUEUE if value == task_queue else value
    if value.get("kind") == "TASK_QUEUE_KIND_STICKY":
        return {"kind": value["kind"], "name": WORKER, "normalName": TASK_QUEUE}
    return {
        key: _REPLACED[key] if key in _REPLACED else _anonymous(member, task_queue)
        for key, member in value.items()
    }


def read(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8"))


def texts(file: Path) -> Iterator[str]:
    """All texts of a history, those in its payloads too."""
    yield file.read_text(encoding="utf-8")
    for event in read(file).events:
        yield str(event)
