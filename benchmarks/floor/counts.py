"""Counts what a process asks of its database and disk, into files that another process reads meanwhile.

Each count is a 64-bit number in shared memory. SQLAlchemy's events count transactions, and statements (each
BEGIN is one); a library that is loaded before libc counts syncs, where a C compiler is at hand to make it.
"""

import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from sqlalchemy import Connection, Engine, event

from database.engine import WRITES

_TRANSACTIONS_FILE: Final = "COUNTED_TRANSACTIONS"
_SYNCS_FILE: Final = "COUNTED_SYNCS"
_TRANSACTIONS: Final = struct.Struct("=QQQ")
_SYNCS: Final = struct.Struct("=Q")
_LIBRARY: Final = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
static unsigned long *syncs;
__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("COUNTED_SYNCS");
    int opened = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    void *shared = opened < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ | PROT_WRITE, MAP_SHARED, opened, 0);
    if (shared != MAP_FAILED) syncs = shared;
    if (opened >= 0) close(opened);
}
static int counted(const char *name, int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (syncs) __atomic_add_fetch(syncs, 1, __ATOMIC_RELAXED);
    return real(file);
}
int fsync(int file) { return counted("fsync", file); }
int fdatasync(int file) { return counted("fdatasync", file); }
"""


@dataclass(frozen=True)
class Counts:
    """Since the process began. `syncs` is None where they can't be counted."""

    reads: int = 0
    writes: int = 0
    statements: int = 0
    syncs: int | None = None

    def since(self, before: "Counts") -> "Counts":
        """What has been added."""
        syncs = None if self.syncs is None or before.syncs is None else self.syncs - before.syncs
        return Counts(
            self.reads - before.reads, self.writes - before.writes, self.statements - before.statements, syncs
        )


def added(each: Iterable[Counts]) -> Counts:
    """Those of several processes as one."""
    counts = tuple(each)
    syncs = [count.syncs for count in counts if count.syncs is not None]
    return Counts(
        sum(count.reads for count in counts),
        sum(count.writes for count in counts),
        sum(count.statements for count in counts),
        sum(syncs) if len(syncs) == len(counts) else None,
    )


class CountFiles:
    """The files of one process."""

    def __init__(self, folder: Path, name: str, library: Path | None) -> None:
        self._transactions = folder / f"{name}.transactions"
        self._syncs = folder / f"{name}.syncs"
        self._library = library
        self._transactions.write_bytes(bytes(_TRANSACTIONS.size))
        self._syncs.write_bytes(bytes(_SYNCS.size))

    @property
    def environment(self) -> Mapping[str, str]:
        """What the process is started with."""
        files = {_TRANSACTIONS_FILE: str(self._transactions), _SYNCS_FILE: str(self._syncs)}
        return files if self._library is None else {**files, "LD_PRELOAD": str(self._library)}

    def read(self) -> Counts:
        reads, writes, statements = _TRANSACTIONS.unpack(self._transactions.read_bytes())
        (syncs,) = _SYNCS.unpack(self._syncs.read_bytes())
        return Counts(reads, writes, statements, None if self._library is None else syncs)


def sync_counter(folder: Path) -> Path | None:
    """The library that counts syncs; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "syncs.c", folder / "syncs.so"
    source.write_text(_LIBRARY, encoding="utf-8")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def count_transactions() -> None:
    """Counts this process's transactions and statements from now on, where its environment asks for it."""
    name = os.environ.get(_TRANSACTIONS_FILE)
    if name is None:
        return
    with Path(name).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), _TRANSACTIONS.size)
    lock = Lock()

    def add(*more: int) -> None:
        with lock:
            counted = _TRANSACTIONS.unpack(shared[:])
            shared[:] = _TRANSACTIONS.pack(*(old + new for old, new in zip(counted, more, strict=True)))

    def begun(connection: Connection) -> None:
        writes = bool(connection.get_execution_options().get(WRITES, False))
        add(int(not writes), int(writes), 0)

    def stated(*_: object) -> None:
        add(0, 0, 1)

    event.listen(Engine, "begin", begun)
    event.listen(Engine, "before_cursor_execute", stated)
