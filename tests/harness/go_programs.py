"""Programs that nobody here wrote, for tests: built once from the Go module proxy into the cache folder.

``python -m tests.harness.go_programs`` builds them beforehand, so that no test has to wait for it.
"""

import asyncio
import shutil
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from subprocess import STDOUT
from typing import Final

import httpx2
import pytest

from local.go_build import GoInstall
from local.installation import (
    InstallationUnavailable,
    cache_directory,
    is_complete,
    mark_complete,
    only_one,
    platform_name,
    start_over,
)
from local.ports import FREE_RANGE, HOST, is_free
from tests.harness.waiting import eventually


@dataclass(frozen=True)
class GoProgram:
    """`package` is what is built; its module's checksum is in Go's checksum database."""

    name: str
    package: str
    version: str


TOXIPROXY: Final = GoProgram("toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server", "2.5.0")
MAILPIT: Final = GoProgram("mailpit", "github.com/axllent/mailpit", "1.33.1")

# The program goes with the test run, however that ends.
_UNTIL_WE_END: Final = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


def built(program: GoProgram) -> Path:
    """The program's file. Takes minutes the first time.

    Raises:
        InstallationUnavailable: what would help.
    """
    cache = cache_directory()
    folder = cache / f"{program.name}-{program.version}" / platform_name()
    file = folder / program.package.rpartition("/")[2]
    module = f"{program.package}@v{program.version}"
    with only_one(folder, _say):
        if not is_complete(folder, module, {program.name: file}):
            start_over(folder)
            GoInstall(cache).build(module, folder, _say)
            mark_complete(folder, module, {program.name: file})
    return file


@asynccontextmanager
async def running(
    program: GoProgram, log: Path, options: Callable[[Sequence[int]], Sequence[str]], *, alive: str
) -> AsyncIterator[tuple[int, ...]]:
    """Runs it until the block ends; two free ports, the first of which answers HTTP at the path `alive`.

    Where it can't be built, the tests that need it are skipped, as those are that lack a system package.
    Another program may take a port first: then others are tried.
    """
    try:
        file = await asyncio.to_thread(built, program)
    except InstallationUnavailable as error:
        pytest.skip(f"{program.name} can't be built here: {error}")
    with log.open("wb") as output:
        for _ in range(5):
            ports = _free_ports(2)
            command = [*_UNTIL_WE_END, file, *options(ports)]
            process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=STDOUT)
            try:
                if await _answers(process, f"http://{HOST}:{ports[0]}{alive}"):
                    yield ports
                    return
            finally:
                if process.returncode is None:
                    process.terminate()
                await process.wait()
    raise AssertionError(f"{program.name} doesn't start: see {log}")


async def _answers(process: Process, url: str) -> bool:
    """Whether it lives and answers, once that is known."""
    async with httpx2.AsyncClient(trust_env=False) as http:

        async def look() -> bool | None:
            if process.returncode is not None:
                return False
            try:
                return (await http.get(url)).is_success or None
            except httpx2.TransportError:
                return None

        return bool(await eventually(look, lambda found: found is not None, url))


def _free_ports(count: int) -> tuple[int, ...]:
    candidates = SystemRandom().sample(FREE_RANGE, 100)
    return tuple([port for port in candidates if is_free(port)][:count])


def _say(text: str, _share: float | None = None, /) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    try:
        for each in (TOXIPROXY, MAILPIT):
            built(each)
    except InstallationUnavailable as error:
        sys.exit(f"a program that tests need can't be built: {error}")
