"""The web service that `make up` runs in the background: started on a free port, recognised, stopped.

It is `web.py` with `/play` beside its pages.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from local import background, processes
from local.ports import FREE_RANGE, HOST, is_free
from local.processes import ProcessIdentity
from private_files import replace_file

DEFAULT_PORT = 8300
_TRIES = 100


class WebFailed(Exception):
    """The web service ended or was not ready in time; the message ends with its last log lines."""


@dataclass(frozen=True)
class _Record:
    process: ProcessIdentity
    temporal_address: str
    address: str

    @property
    def url(self) -> str:
        return f"http://{self.address}"


class LocalWeb:
    """One web service per data folder."""

    def __init__(self, data_directory: Path, project: Path) -> None:
        """`project` holds `local.play` and is its working directory."""
        directory = data_directory.resolve()
        self._record_file = directory / "web.json"
        self._log = directory / "logs" / "web.log"
        self._project = project

    async def ensure(self, temporal_address: str, namespace: str) -> str:
        """Starts it unless it runs already, and returns its address as a URL once it is ready.

        Raises WebFailed.
        """
        recorded = self._read()
        if recorded is not None and processes.is_running(recorded.process):
            if recorded.temporal_address == temporal_address:
                await self._wait_until_ready(recorded)
                return recorded.url
            await asyncio.to_thread(background.stop, recorded.process)
        address = os.environ.get("CLOSURE_WEB_ADDRESS") or f"{HOST}:{_free_port(recorded)}"
        started = _Record(
            processes.start_detached(
                [sys.executable, "-m", "local.play"],
                log_file=self._log,
                environment=_environment(temporal_address, namespace, address),
                working_directory=self._project,
            ),
            temporal_address,
            address,
        )
        replace_file(self._record_file, json.dumps(asdict(started), indent=2) + "\n")
        await self._wait_until_ready(started)
        return started.url

    def stop(self) -> bool:
        """Lets requests under way end, then ends it. Whether it still ran."""
        recorded = self._read()
        return background.stop(recorded.process if recorded is not None else None)

    async def _wait_until_ready(self, web: _Record) -> None:
        await background.until_ready(
            web.process,
            partial(asyncio.to_thread, _is_ready, web.url),
            self._log,
            failed=WebFailed,
            name="the web service",
            late="is not ready after",
        )

    def _read(self) -> _Record | None:
        try:
            document = json.loads(self._record_file.read_text(encoding="utf-8"))
            process = ProcessIdentity(**document["process"])
            return _Record(process, document["temporal_address"], document["address"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


def _environment(temporal_address: str, namespace: str, address: str) -> Mapping[str, str]:
    return {
        **os.environ,
        "TEMPORAL_ADDRESS": temporal_address,
        "TEMPORAL_NAMESPACE": namespace,
        "CLOSURE_WEB_ADDRESS": address,
    }


def _free_port(recorded: _Record | None) -> int:
    """The port that it had, so that bookmarks stay good; else the usual one; else any that is free."""
    had = recorded.address.rpartition(":")[2] if recorded is not None else ""
    wanted = [int(had)] if had.isdigit() else []
    others = random.SystemRandom().sample(FREE_RANGE, _TRIES)
    for port in (*wanted, DEFAULT_PORT, *others):
        if is_free(port):
            return port
    raise WebFailed(f"no port is free between {FREE_RANGE.start} and {FREE_RANGE.stop}")


def _is_ready(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (URLError, OSError, ValueError):
        return False
