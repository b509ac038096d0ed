"""`python -m connectors.http.serve` as a process."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.http.calling.credentials import RequestSigner
from keys.key_ring import PayloadKeys, new_key_ring
from private_files import create_file
from tests.harness.databases import template_database
from tests.harness.installation import database_url
from tests.harness.installed_program import PROJECT
from tests.harness.served_platform import calling
from tests.harness.waiting import eventually

__all__ = ["template_database"]

MODULE = (sys.executable, "-m", "connectors.http.serve")


def surroundings(folder: Path, **settings: str) -> Mapping[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLOSURE_")}
    chosen = {f"CLOSURE_{name.upper()}": value for name, value in settings.items()}
    return {
        **clean,
        "PYTHONPATH": str(PROJECT),
        "CLOSURE_DATABASE_URL": database_url(folder / "accounts.db"),
        "CLOSURE_LOG_FORMAT": "json",
        "CLOSURE_HTTP_ADDRESS": "127.0.0.1:0",
        **chosen,
    }


def run(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        MODULE,
        cwd=folder,
        env=surroundings(folder, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def begin(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            MODULE,
            cwd=folder,
            env=surroundings(folder, http_keys_file="keys.json"),
            stdout=out,
            stderr=out,
        )


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({}, "setting CLOSURE_HTTP_KEYS_FILE: needed"),
        ({"http_keys_file": "KEYS"}, "database"),
    ],
    ids=["no keys", "no tables"],
)
def test_what_keeps_it_from_starting_is_one_line(
    tmp_path: Path, settings: dict[str, str], fault: str
) -> None:
    create_file(tmp_path / "keys.json", new_key_ring().to_json())
    named = {name: value.replace("KEYS", "keys.json") for name, value in settings.items()}
    ended = run(tmp_path, **named)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith("error: ")
    assert fault in ended.stderr


async def test_it_serves_until_sigterm_and_binds_to_this_computer(
    tmp_path: Path, template_database: Path
) -> None:
    shutil.copy(template_database, tmp_path / "accounts.db")
    ring = new_key_ring()
    create_file(tmp_path / "keys.json", ring.to_json())
    log = tmp_path / "log"
    process = begin(tmp_path, log)
    try:
        said = await eventually(
            lambda: asyncio.to_thread(log.read_text),
            lambda text: "platform is served" in text,
            "its address",
            within=timedelta(seconds=60),
        )
        url = next(line["url"] for line in map(json.loads, said.splitlines()) if "url" in line)
        assert url.startswith("http://127.0.0.1:")
        platform = calling(url, credentials=RequestSigner(PayloadKeys(ring)))
        assert await platform.directory.accounts_of("nobody@example.com") == ()
        await platform.aclose()
    finally:
        process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 30) == 0
    assert "nobody@example.com" not in log.read_text()
