"""Requests of every shape that the contract allows or forbids: our server keeps to it, with all of them."""

import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Final

import pytest

import connectors.http
from connectors.ports import Platform
from database import Database
from private_files import create_file
from tests.connectors.samples import account, load
from tests.connectors.test_ports import FULL
from tests.harness.installed_program import PROJECT
from tests.harness.served_platform import RING, ServedPlatform

SEED: Final = 1 if "CI" in os.environ else random.randrange(2**31)
PROGRAM: Final = Path(sys.executable).with_name("schemathesis")
_CHECKS: Final = """
[checks]
# 403 to 422, too: what the account or the key does not allow, a cursor that no page gave.
positive_data_acceptance.expected-statuses = ["2xx", 403, 404, 409, 410, 422]
negative_data_rejection.expected-statuses = [400, 401, 404, 405, 415, 422]
missing_required_header.expected-statuses = [400]
[parameters]
account_id = "a-1"
"""


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_drawn_requests_are_answered_as_the_contract_says(
    database: Database, service: ServedPlatform, platform: Platform, tmp_path: Path
) -> None:
    await load(database, account(**FULL))
    create_file(tmp_path / "keys.json", RING.to_json())
    (tmp_path / "schemathesis.toml").write_text(_CHECKS, encoding="utf-8")
    running = await asyncio.create_subprocess_exec(
        *(str(PROGRAM), "--config-file", str(tmp_path / "schemathesis.toml")),
        *("run", str(Path(connectors.http.__path__[0], "openapi.yaml")), "--url", service.url),
        *("--phases", "examples,coverage,fuzzing", "--checks", "all", "--seed", str(SEED), "--no-color"),
        # The other way round: `test_signatures.py`. All of ours are signed.
        *("--exclude-checks", "ignored_auth", "--max-examples", "20", "--request-timeout", "20"),
        cwd=tmp_path,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.connectors.http.signed_by_requests",
            "PYTHONPATH": str(PROJECT),
            "KEYS": str(tmp_path / "keys.json"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await running.communicate()
    assert running.returncode == 0, said.decode()
