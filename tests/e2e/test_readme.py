"""The README's first closure by hand: copied, pasted, and it works."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.harness.installed_program import PROJECT, InstalledProgram

README = (PROJECT / "README.md").read_text(encoding="utf-8")
BY_HAND = README.split("\n## The first closure by hand\n")[1].split("\n## ")[0]
MARK = "@@@"


def commands() -> list[tuple[str, list[str]]]:
    """Every command in its order; those with a prompt are shown with lines of what they say."""
    found: list[tuple[str, list[str]]] = []
    for kind, block in re.findall(r"^```(sh|console)\n(.*?)^```", BY_HAND, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if kind == "sh":
                found.append((line, []))
            elif line.startswith("$ "):
                found.append((f"{line[2:]} || true", []))
            else:
                found[-1][1].append(line)
    return found


def test_the_first_closure_by_hand_works_as_it_stands(installed_program: InstalledProgram) -> None:
    there = installed_program.folder
    for name in ("starter.py", "local", "keys"):
        (there / name).symlink_to(PROJECT / name)
    (there / ".venv").symlink_to(sys.prefix)
    to_run = [(command, shown) for command, shown in commands() if command != "make up"]
    script = "\n".join(f"{command}\necho {MARK}" for command, _ in to_run)
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=there,
        env=installed_program.environment(PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stdout
    said = finished.stdout.split(f"{MARK}\n")
    assert len(said) == len(to_run) + 1
    for (command, shown), output in zip(to_run, said, strict=False):
        assert set(shown) <= set(output.splitlines()), f"{command} said: {output}"

    told = " ".join(command for command, _ in to_run)
    assert "recheck" in told
    assert installed_program.ask("status", "ali-late")["outcome"] == "deleted"
    events = installed_program.ask("audit", "ali-late")["events"]
    checklists = [event["details"]["items"] for event in events if event["event"] == "surveyed"]
    assert checklists[:2] == [2, 1], "the recheck found less"
    assert "verified: closure" in said[-2]
