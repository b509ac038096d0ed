"""In production no message stays in the embedded platform's outbox unless that was chosen."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from closure.installation import InstallationKind
from local.temporal_server import RunningServer
from tests.harness.databases import postgresql_cluster, postgresql_url, prepare_database
from tests.harness.installed_program import PROJECT

__all__ = ["postgresql_cluster", "postgresql_url"]


@pytest.mark.postgresql
async def test_whoever_sends_wants_to_know_who_carries_messages(
    tmp_path: Path, temporal_server: RunningServer, postgresql_url: str
) -> None:
    await prepare_database(postgresql_url, InstallationKind.PRODUCTION)
    surroundings = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CLOSURE_")},
        "TEMPORAL_ADDRESS": temporal_server.address,
        "CLOSURE_DATABASE_URL": postgresql_url,
        "CLOSURE_POLICY_DIR": str(PROJECT / "policies"),
        "CLOSURE_LOG_FORMAT": "json",
    }
    for chosen in ({}, {"CLOSURE_MESSAGES": "platform"}):
        for words in (("worker.py",), ("web.py",)):
            ended = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, str(PROJECT / words[0]), *words[1:]],
                cwd=tmp_path,
                env={**surroundings, **chosen},
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert ended.returncode == 2, ended
            assert ended.stderr.splitlines()[-1].startswith("error: setting CLOSURE_MESSAGES: to be chosen")
