"""The list of commands is told without the commands: it must still be true, and quick."""

import subprocess
import sys
from importlib import import_module

import pytest
from typer.main import get_group
from typer.testing import CliRunner

from starter import COMMANDS, command_line

SLOW = ("activities", "client", "closure", "pydantic", "rich", "sqlalchemy", "temporalio")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_listed_command_is_where_the_list_says(name: str) -> None:
    found = CliRunner().invoke(command_line([name]), [name, "--help"], prog_name="starter.py")
    assert found.exit_code == 0, found.output
    assert f"Usage: starter.py {name}" in found.output


def test_every_command_is_listed() -> None:
    for module in {listed.module for listed in COMMANDS.values() if not listed.is_group}:
        for name in get_group(import_module(module).app).commands:
            assert COMMANDS[name].module == module


def test_no_line_of_the_list_is_cut_off_on_80_columns() -> None:
    found = CliRunner().invoke(command_line(["--help"]), ["--help"], terminal_width=80)
    for listed in COMMANDS.values():
        assert listed.says in found.output


def test_a_mistyped_command_is_told_from_one_that_exists() -> None:
    found = CliRunner().invoke(command_line(["statsu"]), ["statsu"])
    assert found.exit_code == 2
    assert "Did you mean 'status'" in found.output


@pytest.mark.parametrize("words", ["--version", "--help", "status --help"])
@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [(">/dev/full", 3, ["error: the output can't be written: No space left on device"]), (">&-", 0, [])],
    ids=["a full disk", "closed"],
)
def test_output_that_goes_nowhere_is_no_traceback(
    words: str, redirection: str, code: int, said: list[str]
) -> None:
    ended = subprocess.run(
        ["sh", "-c", f"{sys.executable} starter.py {words} {redirection}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr.splitlines()) == (code, said)


def test_help_imports_none_of_what_is_slow() -> None:
    asked = f"import sys, starter; starter.command_line(['--help']); print({{*sys.modules}} & {{*{SLOW}}})"
    found = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout == "set()\n"
