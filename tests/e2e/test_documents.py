"""What the README and the documents say is true to the code: links, names, commands, examples."""

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from closure.brand import Brand
from closure.lifecycle import STEPS
from closure.policy_text import parse_policy
from connectors.smtp.server import PREFIX, MailServer
from settings import Settings
from starter import every_command
from tests.harness.installed_program import PROJECT

DOCUMENTS = sorted(
    (
        PROJECT / "README.md",
        PROJECT / "CONTRIBUTING.md",
        PROJECT / "CHANGELOG.md",
        *PROJECT.glob("docs/**/*.md"),
    )
)
TEXTS = {str(file.relative_to(PROJECT)): file.read_text(encoding="utf-8") for file in DOCUMENTS}
CURRENT = {name: text for name, text in TEXTS.items() if name != "CHANGELOG.md" and "decisions" not in name}
"""Those that tell how things are, and not how they came about."""
LONGEST_README = 150

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:[a-z_]+/)+[\w.]*|[\w.]+\.(?:py|md|toml|yml))(?:::\w+)?`")
STARTER = re.compile(r"starter\.py ([^`|]*)")


def blocks(name: str, language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(TEXTS[name]) if kind == language]


def code(text: str) -> Iterator[str]:
    """Every line of a block, and every span of code."""
    for _, block in FENCE.findall(text):
        yield from block.splitlines()
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", FENCE.sub("", text)))


def anchors(text: str) -> set[str]:
    """Where a link may lead within a document, as GitHub and others name its headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_can_be_read_at_once() -> None:
    assert len(TEXTS["README.md"].splitlines()) <= LONGEST_README


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name: str) -> None:
    for link in LINK.findall(FENCE.sub("", TEXTS[name])):
        if link.startswith(("http://", "https://")):
            continue
        target, _, anchor = link.partition("#")
        file = ((PROJECT / name).parent / target).resolve() if target else PROJECT / name
        assert file.exists(), f"{name} links to {link}"
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), f"{name} links to {link}"


def test_every_document_is_reached_from_the_readme() -> None:
    reached, left = set[Path](), [PROJECT / "README.md"]
    while left:
        file = left.pop()
        if file in reached or file.suffix != ".md":
            continue
        reached.add(file)
        links = LINK.findall(FENCE.sub("", file.read_text(encoding="utf-8")))
        left += [(file.parent / link.partition("#")[0]).resolve() for link in links if ":" not in link]
    assert set(DOCUMENTS) <= reached


@pytest.mark.parametrize("name", CURRENT)
def test_named_files_and_tests_exist(name: str) -> None:
    for path in PATH.findall(CURRENT[name]):
        if not path.startswith((".closure", "application/")) and "/" in path:
            assert (PROJECT / path).exists(), f"{name} names {path}"
    for path, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", CURRENT[name]):
        assert f"def {test}(" in (PROJECT / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_every_rule_has_its_place_and_its_test() -> None:
    """A1 to A27 and T1 to T12, each once; a place is a file, or a key or check of the policy."""
    rows = re.findall(
        r"^\| ([AT]\d+) \| (.*?) \| (.*?) \| `(.*?)` \|$", TEXTS["docs/procedures.md"], re.MULTILINE
    )
    numbers = [number for number, *_ in rows]
    assert numbers == [*(f"A{number}" for number in range(1, 28)), *(f"T{number}" for number in range(1, 13))]
    keys = {"A": policy_words("alibaba-cloud"), "T": policy_words("twilio")}
    for number, _, place, test in rows:
        named = re.findall(r"`([^`]+)`", place)
        assert named, number
        assert re.match(r"tests/[\w/]+\.py::test_\w+$", test), number
        for word in named:
            is_place = word in keys[number[0]] or (PROJECT / word).is_file()
            assert is_place or word == "AccessControl", f"{number} is said to be in {word}"


def policy_words(name: str) -> set[str]:
    """The keys and the checks of a policy; ``refund.kinds`` for what is in a table."""
    policy = tomllib.loads((PROJECT / "policies" / f"{name}.toml").read_text(encoding="utf-8"))
    inner = {f"{key}.{each}" for key, value in policy.items() if isinstance(value, dict) for each in value}
    return {*policy, *inner, *(check["id"] for check in policy.get("checks", []))}


def test_the_diagram_shows_every_step_and_no_other() -> None:
    (diagram,) = blocks("docs/procedures.md", "mermaid")
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)", diagram, re.MULTILINE))
    assert drawn == {(start.value, end.value) for start, ends in STEPS.items() for end in ends}
    ended = set(re.findall(r"(\w+) --> \[\*\]", diagram))
    assert ended == {stage.value for stage, ends in STEPS.items() if not ends}


def test_every_stage_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", TEXTS["docs/procedures.md"], re.MULTILINE)
    assert set(rows) == {stage.value for stage, ends in STEPS.items() if ends}


def test_every_setting_is_in_the_table_and_no_other() -> None:
    listed = set(re.findall(r"`(CLOSURE_[A-Z_]+)`", TEXTS["docs/production.md"]))
    settings = {f"CLOSURE_{name.upper()}" for name in Settings.model_fields}
    assert listed == settings | {f"{PREFIX}{name.upper()}" for name in MailServer.model_fields}


def test_the_brand_that_is_shown_is_one() -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", TEXTS["docs/production.md"], re.DOTALL)
    content = tomllib.loads(shown)
    assert set(content) == set(Brand.model_fields)
    assert Brand.model_validate({**content, "logo": None}).name == "Acme Cloud"


@pytest.mark.parametrize("name", CURRENT)
def test_commands_and_their_options_exist(name: str) -> None:
    for line in code(CURRENT[name]):
        for typed in STARTER.findall(line):
            words = typed.split()
            command = typer.main.get_command(every_command())
            while isinstance(command, TyperGroup) and words and words[0].islower() and words[0][0] != "-":
                assert words[0] in command.commands, f"{name}: {line}"
                command = command.commands[words.pop(0)]
            known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            wanted = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
            assert wanted <= known, f"{name}: {line}"


@pytest.mark.parametrize("name", CURRENT)
def test_make_targets_and_modules_exist(name: str) -> None:
    (targets,) = re.findall(
        r"^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    for line in code(CURRENT[name]):
        for target in re.findall(r"^(?:\$ )?make ([a-z-]+)", line):
            assert target in targets.split(), f"{name}: {line}"
        for module in re.findall(r"python -m ([\w.]+)", line):
            assert importlib.util.find_spec(module) is not None, f"{name}: {line}"


def test_example_connector_is_as_the_document_says() -> None:
    (written,) = re.findall(r"```toml\n(.*?)```", TEXTS["docs/connect.md"], re.DOTALL)
    package = tomllib.loads((PROJECT / "examples/own-connector/pyproject.toml").read_text(encoding="utf-8"))
    assert tomllib.loads(written)["project"]["entry-points"] == package["project"]["entry-points"]


def test_example_policy_can_be_used() -> None:
    (example,) = blocks("docs/policies.md", "toml")
    name = re.search(r'^name = "(.*)"', example, re.MULTILINE)
    assert name is not None
    parse_policy(example, f"{name[1]}.toml")
