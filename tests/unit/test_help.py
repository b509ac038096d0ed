"""The help of every command, and what is wrong before one runs."""

import re
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from commandline.commands import Purpose
from starter import every_command

RUNNER = CliRunner(env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
APP = every_command()
GROUPS = {"platform", "refund"}


def commands(app: typer.Typer, *before: str) -> Iterator[tuple[str, ...]]:
    group = typer.main.get_command(app)
    for name, each in getattr(group, "commands", {}).items():
        yield (*before, name)
        for inner in getattr(each, "commands", {}):
            yield (*before, name, inner)


ALL = list(commands(APP))


def help_of(*words: str) -> str:
    result = RUNNER.invoke(APP, [*words, "--help"], prog_name="starter.py")
    assert result.exit_code == 0, result.output
    return result.output


def test_the_help_lists_every_command_once_under_what_it_is_for() -> None:
    said = help_of()
    places = [said.index(f"\n{purpose.value}:\n") for purpose in Purpose]
    assert places == sorted(places)
    for words in ALL:
        if len(words) == 1:
            assert len(re.findall(rf"^  {words[0]}  +\S", said, re.MULTILINE)) == 1, words


@pytest.mark.parametrize("words", [(), *[(name,) for name in sorted(GROUPS)]], ids=str)
def test_descriptions_fit_on_a_line(words: tuple[str, ...]) -> None:
    rows = [line for line in help_of(*words).splitlines() if re.match(r"^  [a-z-]+  +\S", line)]
    assert rows
    assert not [row for row in rows if row.endswith("...") or len(row) > 80]


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_a_description_without_rule_numbers_and_an_example(words: tuple[str, ...]) -> None:
    said = help_of(*words)
    assert not re.search(r"\b[AT]\d{1,2}\b", said), said
    assert all(len(line) <= 80 for line in said.splitlines() if "python starter.py" not in line)
    if words[-1] not in GROUPS or len(words) > 1:
        assert f"    python starter.py {' '.join(words)}" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["renounce", "a", "--all", "--as", "u", "--as", "v"], "'--as'"),
        (["confirm", "a", "--as", "u", "--reason", "r", "--reason", "s"], "'--reason'"),
        (["status", "a", "--json", "--json"], "'--json'"),
        (["platform", "charge", "a", "--amount", "1", "--amount", "2"], "'--amount'"),
    ],
)
def test_an_option_that_is_given_twice_is_refused(words: list[str], told: str) -> None:
    result = RUNNER.invoke(APP, words, standalone_mode=False)
    assert isinstance(result.exception, typer.BadParameter)
    assert told in result.exception.format_message()
    assert "twice" in result.exception.format_message()


def test_an_option_that_may_be_repeated_is_not() -> None:
    words = [
        "close",
        "a",
        "--as",
        "u",
        "--acknowledge",
        "x",
        "--acknowledge",
        "y",
        "--code",
        "1",
        "--totp",
        "2",
    ]
    result = RUNNER.invoke(APP, words, standalone_mode=False)
    assert isinstance(result.exception, typer.BadParameter)
    assert "one of --code" in result.exception.format_message()


def test_confirming_where_nobody_can_be_asked_wants_the_plan_or_a_yes() -> None:
    result = RUNNER.invoke(APP, ["confirm", "a", "--as", "u", "--reason", "r"], standalone_mode=False)
    assert isinstance(result.exception, typer.BadParameter)
    said = result.exception.format_message()
    assert "--plan-hash" in said
    assert "--yes" in said
    context = result.exception.ctx
    assert context is not None
    assert context.info_name == "confirm"


@pytest.mark.parametrize(
    "words",
    [
        ["--temporal", "--late"],
        ["--temporal", "--user", "x"],
        ["--temporal", "--cursor", "1"],
        ["--temporal", "--count"],
        ["--opened-after", "yesterday"],
        ["--ends-before", "2026-13-01"],
        ["--limit", "0"],
        ["--limit", "10001"],
        ["--cursor", "0"],
        ["--cursor", "x"],
        ["--stage", "gone"],
        ["--blocked-by", ""],
    ],
    ids=" ".join,
)
def test_lists_refuse_what_can_t_be_meant(words: list[str]) -> None:
    result = RUNNER.invoke(APP, ["list", *words], standalone_mode=False)
    assert isinstance(result.exception, typer.BadParameter), result


@pytest.mark.parametrize("words", [["--page", "2"], ["--items", "--page", "0"]], ids=" ".join)
def test_a_page_is_one_of_the_items(words: list[str]) -> None:
    result = RUNNER.invoke(APP, ["status", "a", *words], standalone_mode=False)
    assert isinstance(result.exception, typer.BadParameter), result
