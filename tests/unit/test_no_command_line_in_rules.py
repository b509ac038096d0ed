"""What rules tell people fits every face: no words of the command line below it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BELOW = ("activities", "client", "closure", "connectors", "records", "workflows")
PROGRAMS = ("connectors/conformance/", "connectors/http/serve.py")
"""Commands of their own, for engineers who connect their systems."""
COMMAND_LINE = re.compile(
    r"starter\.py|(?<![\w-])--[a-z]|`platform |exit code|on the terminal", re.IGNORECASE
)


def texts_of(source: str) -> Iterator[str]:
    """Every text in the code but docstrings, parts of f-strings among them."""
    tree = ast.parse(source)
    documenting = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documenting:
            yield node.value


def test_no_text_below_the_command_line_speaks_it() -> None:
    files = [file for path in BELOW for file in sorted((ROOT / path).rglob("*.py"))]
    assert len(files) > 100
    found = [
        f"{file.relative_to(ROOT)}: {text}"
        for file in files
        if not file.relative_to(ROOT).as_posix().startswith(PROGRAMS)
        for text in texts_of(file.read_text(encoding="utf-8"))
        if COMMAND_LINE.search(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "text", ["see `starter.py status`", "give --code", "type: --phrase x", "`platform load`"]
)
def test_the_command_line_is_heard(text: str) -> None:
    assert COMMAND_LINE.search(next(texts_of(f"raise Fault({text!r})")))
    assert list(texts_of(f'"""{text}"""')) == []
