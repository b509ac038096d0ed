"""Requests of every shape that the OpenAPI document allows or forbids: none breaks the service or its word.

Schemathesis makes them, by its own command, with all its checks.
"""

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.web.api_driver import ApiDriver
from tests.web.live_server import live

SEED: Final = 1 if "CI" in os.environ else random.randrange(2**31)
"""By hand each run draws others; the output of one that fails names its seed."""
_CHECKS: Final = """
[checks]
# 422, too: a cursor that no list gave, a policy that is none, a key that came with another request.
positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422, 503]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 409, 413, 422]
"""
PROGRAM: Final = Path(sys.executable).with_name("schemathesis")


async def fuzz(api: ApiDriver, folder: Path, *options: str, **parameters: str) -> None:
    """Fuzzes every call; `parameters` have these values, all others are drawn."""
    settings = "".join(f"{name} = {json.dumps(value)}\n" for name, value in parameters.items())
    (folder / "schemathesis.toml").write_text(f"{_CHECKS}[parameters]\n{settings}", encoding="utf-8")
    async with live(api) as http:
        words = ["--checks", "all", "--seed", str(SEED), "--no-color", "--request-timeout", "20", *options]
        running = await asyncio.create_subprocess_exec(
            *(str(PROGRAM), "--config-file", str(folder / "schemathesis.toml")),
            *("run", f"{http.base_url}/api/v1/openapi.json", *words),
            *("--header", f"Authorization: {http.headers['authorization']}"),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await running.communicate()
    assert running.returncode == 0, said.decode()


async def ended_closure(api: ApiDriver) -> dict[str, str]:
    """One whose events have an end."""
    account = await api.account()
    await api.close(account)
    await account.withdraw()
    return {"account_id": account.account_id, "closure_id": account.closure_id}


async def test_drawn_requests_about_a_closure_are_answered_as_described(
    api: ApiDriver, tmp_path: Path
) -> None:
    there = await ended_closure(api)
    await fuzz(api, tmp_path, "--phases", "fuzzing", "--max-examples", "3", **there)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_many_drawn_requests_in_a_row_are_answered_as_described(api: ApiDriver, tmp_path: Path) -> None:
    phases = ("--phases", "examples,coverage,fuzzing,stateful")
    await fuzz(api, tmp_path, *phases, "--max-examples", "30", **await ended_closure(api))
    await fuzz(api, tmp_path, *phases, "--max-examples", "30")
