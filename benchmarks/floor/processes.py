"""The processes of a run: started, spoken with by lines, measured from outside."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

PATIENCE_SECONDS: Final = 1200.0
STOP_SECONDS: Final = 60.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class RunFailed(Exception):
    """A process of the run ended or said nothing in time; its log's end is in the message."""


@asynccontextmanager
async def running(
    folder: Path, name: str, module: Sequence[str], environment: Mapping[str, str]
) -> AsyncIterator[Process]:
    """A module of Python, its log in the folder; ended in order afterwards."""
    with (folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *module),
            cwd=folder,
            env=environment,
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


def go_on(asking: Process) -> None:
    """Lets the client take its next step."""
    assert asking.stdin is not None
    asking.stdin.write(b"\n")


async def said(asking: Process, working: Sequence[Process], folder: Path) -> str:
    """The client's next line, after which it waits. Raises RunFailed."""
    assert asking.stdout is not None
    saying = asyncio.create_task(asking.stdout.readline())
    endings = [asyncio.create_task(each.wait()) for each in working]
    try:
        await asyncio.wait({saying, *endings}, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        line = saying.result().decode() if saying.done() else ""
    finally:
        saying.cancel()
        for ending in endings:
            ending.cancel()
    if not line:
        raise RunFailed(_ends_of_logs(folder))
    return line


def _ends_of_logs(folder: Path) -> str:
    logs = {log.name: log.read_text(encoding="utf-8", errors="replace") for log in folder.glob("*.log")}
    return "\n".join(f"{name}: {text[-2000:]}" for name, text in sorted(logs.items()))


def cpu_seconds(pid: int) -> float:
    """Seconds of user and system since the process began."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_bytes(pid: int) -> int:
    """The process's own memory and its share of what others use, too (PSS)."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    if found is None:
        raise RunFailed(f"the kernel doesn't tell the memory of process {pid}")
    return int(found[1]) * 1024
