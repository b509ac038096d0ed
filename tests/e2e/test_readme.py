"""What the README shows is true to the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from closure.policy import parse_policy
from tests.e2e.driver import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_example_connector_type_checks(tmp_path: Path) -> None:
    (example,) = blocks("python")
    file = tmp_path / "example_connector.py"
    file.write_text(example, encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(file)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert finished.returncode == 0, finished.stdout


def test_example_policy_can_be_used() -> None:
    (example,) = blocks("toml")
    name = re.search(r'^name = "(.*)"', example, re.MULTILINE)
    assert name is not None
    parse_policy(example, f"{name[1]}.toml")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_linked_files_exist(link: str) -> None:
    assert (PROJECT / link).exists()


def test_every_rule_names_tests_that_exist() -> None:
    """A1 to A27 and T1 to T12, each once; `path::name` is a test that is there."""
    rows = re.findall(r"^\| ([AT]\d+) \|.*$", README, re.MULTILINE)
    assert rows == [*(f"A{number}" for number in range(1, 28)), *(f"T{number}" for number in range(1, 13))]
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", README):
        text = (PROJECT / path).read_text(encoding="utf-8")
        assert f"def {name}(" in text, f"{path}::{name}"
