"""The domain's modules import each other one way only, function-level imports counted."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import closure

FOLDER = Path(closure.__path__[0])


def import_graph(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """What each module of `sources` (text by dotted name) imports of the others, wherever it does so."""
    return {
        name: {found for found in _imported(text) if found in sources and found != name}
        for name, text in sources.items()
    }


def _imported(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                # A name is a module's or of a module.
                yield from (f"{module}.{alias.name}" for alias in names)
                yield module
            case ast.ImportFrom(level=level) if level > 0:
                pytest.fail("imports are absolute, so that this test sees them")


def circle_in(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle of modules; empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_closure_has_no_circle_of_imports() -> None:
    sources = {
        ".".join(("closure", *path.relative_to(FOLDER).with_suffix("").parts)): path.read_text("utf-8")
        for path in FOLDER.rglob("*.py")
        if path.name != "__init__.py"
    }
    graph = import_graph(sources)
    assert "closure.policy" in graph["closure.policy_rules"], "the graph sees imports"
    assert circle_in(graph) == []


@pytest.mark.parametrize(
    "back",
    [
        "import closure.one",
        "from closure import one",
        "from closure.one import Thing",
        "def late():\n    from closure.one import Thing",
    ],
)
def test_a_circle_is_found_however_it_is_imported(back: str) -> None:
    graph = import_graph({"closure.one": "from closure.two import Other", "closure.two": back})
    assert set(circle_in(graph)) == {"closure.one", "closure.two"}
