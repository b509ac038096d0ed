"""The programs run with any Python: with their own where the packages are missing."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PROGRAM = """
from own_packages import ensure_packages

ensure_packages(__file__)

import sys
import typer

print(sys.prefix, *sys.argv[1:])
"""


def run_without_packages(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "own_packages.py").write_text((PROJECT / "own_packages.py").read_text())
    (folder / "program.py").write_text(PROGRAM)
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    started = [str(folder / "program.py"), *words]
    code = f"import runpy, sys; sys.path.insert(0, {str(folder)!r}); sys.argv = {started!r}"
    command = [str(base), "-I", "-S", "-c", f"{code}; runpy.run_path(sys.argv[0], run_name='__main__')"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_without_the_packages_the_program_runs_again_with_those_beside_it(tmp_path: Path) -> None:
    environment = tmp_path / ".venv"
    (environment / "bin").mkdir(parents=True)
    script = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
    (environment / "bin" / "python").write_text(script)
    (environment / "bin" / "python").chmod(0o755)
    done = run_without_packages(tmp_path, "one word", "--two")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{sys.prefix} one word --two\n"


def test_without_an_environment_one_line_says_what_comes_first(tmp_path: Path) -> None:
    done = run_without_packages(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "make setup" in line
    assert str(tmp_path) in line


@pytest.mark.parametrize("program", ["starter.py", "worker.py"])
def test_the_programs_look_for_their_packages_first(program: str) -> None:
    statements = [
        line
        for line in (PROJECT / program).read_text().splitlines()
        if line.startswith(("from ", "import ", "ensure_"))
    ]
    assert statements[:2] == ["from own_packages import ensure_packages", "ensure_packages(__file__)"]
