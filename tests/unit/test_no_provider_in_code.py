"""Procedures are data: no code knows a provider's name."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    *("activities", "client", "closure", "commandline", "connectors", "database"),
    *("keys", "local", "records", "temporal", "web", "workflows"),
)
TELLS_STORIES = {"local/demo_stories.py"}
"""The demo closes accounts of both providers; which ones are its data."""
NAME = re.compile(r"alibaba|aliyun|twilio|authy", re.IGNORECASE)


def code_files() -> list[Path]:
    files = [*ROOT.glob("*.py"), *(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))]
    return [file for file in files if file.relative_to(ROOT).as_posix() not in TELLS_STORIES]


def test_no_providers_name_is_in_the_code() -> None:
    files = code_files()
    assert len(files) > 100
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if NAME.search(line)
    ]
    assert found == []
