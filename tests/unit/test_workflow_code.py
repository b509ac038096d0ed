"""Workflow code asks the SDK for time, chance and ids, and touches no file, thread or network."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import workflows

FILES = sorted(Path(workflows.__path__[0]).glob("*.py"))
FORBIDDEN_MODULES = {
    *("random", "secrets", "uuid", "time", "os", "io", "pathlib", "shutil", "tempfile", "subprocess"),
    *("socket", "ssl", "http", "urllib", "threading", "multiprocessing", "concurrent", "queue", "signal"),
    *("sqlite3", "sys", "logging"),
}
FORBIDDEN_CALLS = {
    "now",
    "utcnow",
    "today",
    "open",
    "input",
    "print",
    "uuid4",
    "to_thread",
    "run_in_executor",
}


def faults(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.split(".")[0] in FORBIDDEN_MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.split(".")[-1] in FORBIDDEN_CALLS and not called.startswith("workflow."):
                yield called


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_workflow_code_is_deterministic(file: Path) -> None:
    assert list(faults(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import random",
        "from time import sleep",
        "datetime.now(UTC)",
        "import os.path",
        "open('x')",
        "date.today()",
    ],
)
def test_what_is_not_is_found(code: str) -> None:
    assert len(list(faults(code))) == 1


def test_the_workflows_own_clock_may_be_asked() -> None:
    assert list(faults("workflow.now()")) == []
