"""`python -m benchmarks.transactions`: where a closure's database transactions come from.

Closes a few accounts with a worker that notes who asks for each transaction, and prints for one closure how
many are asked for, reads and writes, with their statements, by the functions that led there. Those that come
at the same time share one; `benchmarks.floor` counts what is left.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel
from sqlalchemy import Connection, Engine, event

from benchmarks.floor.customers import Task
from benchmarks.floor.installed import PROJECT
from benchmarks.floor.processes import RunFailed
from benchmarks.floor.run import WAIT_SECONDS, Runs
from database import Database
from database.database import Result, Work
from local.temporal_server import start_local_server, stop_local_server

TRACED: Final = "TRACED_TRANSACTIONS"
"""Names the file that a worker notes its transactions in."""
CLOSURES: Final = 4
ROOMS: Final = ("activities", "records", "connectors")
_SHOWN: Final = 4


class Noted(BaseModel):
    """One transaction; `path` is who led to it, the activity first."""

    path: tuple[str, ...]
    writes: bool
    statements: int


def trace_transactions() -> None:
    """Notes this process's transactions from now on, where its environment asks for it."""
    name = os.environ.get(TRACED)
    if name is None:
        return
    file = Path(name).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - until the process ends
    here = threading.local()
    lock = threading.Lock()

    def stated(*_: object) -> None:
        here.statements = getattr(here, "statements", 0) + 1

    def noting(work: Work[Result], path: tuple[str, ...], *, writes: bool) -> Work[Result]:
        def noted(connection: Connection) -> Result:
            here.statements = 1  # its BEGIN
            try:
                return work(connection)
            finally:
                line = Noted(path=path, writes=writes, statements=here.statements).model_dump_json()
                with lock:
                    file.write(line + "\n")

        return noted

    read, write = Database.read, Database.write

    async def noted_read(database: Database, work: Work[Result]) -> Result:
        return await read(database, noting(work, _path(), writes=False))

    async def noted_write(database: Database, work: Work[Result]) -> Result:
        return await write(database, noting(work, _path(), writes=True))

    event.listen(Engine, "before_cursor_execute", stated)
    setattr(Database, "read", noted_read)  # noqa: B010 - mypy forbids to assign a method
    setattr(Database, "write", noted_write)  # noqa: B010


def _path() -> tuple[str, ...]:
    """The functions of our rooms that await this transaction, the outermost first."""
    names = []
    for frame in traceback.extract_stack():
        file = Path(frame.filename)
        if file.is_relative_to(PROJECT) and file.relative_to(PROJECT).parts[0] in ROOMS:
            names.append(f"{file.stem}.{frame.name}")
    return tuple(names)


async def note(closures: int, folder: Path) -> Sequence[Noted]:
    """The transactions of so many closures that follow each other. Raises RunFailed."""
    noted = folder / "transactions.jsonl"
    os.environ[TRACED] = str(noted)
    server = await start_local_server(folder / "server")
    try:
        runs = Runs(server, folder / "server", folder / "runs", None)
        await runs.run(
            Task(bare=False, closures=closures, warm_ups=0, at_once=closures, wait_seconds=WAIT_SECONDS)
        )
    finally:
        await asyncio.to_thread(stop_local_server, folder / "server")
    lines = noted.read_text(encoding="utf-8").splitlines()
    return [each for line in lines if (each := Noted.model_validate_json(line)).path]


def report(noted: Sequence[Noted], closures: int) -> None:
    """By activity, then by the last functions on the way, the most first."""
    print("reads writes statements asked for, of one closure")
    _print("in all", noted, closures)
    for title, key in (("by activity", _activity), ("by place", _place)):
        print(f"\n{title}")
        places: Counter[str] = Counter(key(each) for each in noted)
        for place, _ in places.most_common():
            _print(place, [each for each in noted if key(each) == place], closures)


def _activity(noted: Noted) -> str:
    return noted.path[0]


def _place(noted: Noted) -> str:
    return " → ".join(noted.path[-_SHOWN:])


def _print(name: str, noted: Sequence[Noted], closures: int) -> None:
    count: Callable[[bool], float] = lambda writes: sum(each.writes is writes for each in noted) / closures  # noqa: E731
    statements = sum(each.statements for each in noted) / closures
    print(f"{count(False):5.1f} {count(True):6.1f} {statements:10.1f}  {name}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transactions", description=__doc__)
    parser.add_argument("--closures", type=int, default=CLOSURES)
    closures = parser.parse_args().closures
    with tempfile.TemporaryDirectory(prefix="closure-transactions-") as folder:
        try:
            noted = asyncio.run(note(closures, Path(folder)))
        except RunFailed as failed:
            print(f"the run failed: {failed}", file=sys.stderr)
            return 1
    report(noted, closures)
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The SDK's threads may abort a process that ends normally.
    os._exit(status)
