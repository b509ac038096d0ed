"""Chain heads anchored outside the database: who rewrites a whole chain there can't rewrite its anchors.

A file that only grows, one line of canonical JSON for an anchored head. Each line holds SHA-256 (hex) of the
line before it (64 zeros in the first) and an Ed25519 signature over its canonical JSON without the signature.
Copies of the file, or its last line alone, kept elsewhere show whether it was cut.
"""

import asyncio
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from pydantic import Field, JsonValue, ValidationError

from closure.canonical import canonical_json
from closure.lifecycle import ENDED, Stage
from closure.model import Instant, Model
from keys.signing import Signer, SigningKeyFault, load_or_create_signer
from private_files import make_private_folder, owner_only, sync_folder
from records.chain import GENESIS_HASH, canonical_time, text_hash

ANCHORED: Final = frozenset({Stage.COOLING_OFF, Stage.ENTERING, Stage.SILENT, Stage.RETAINED}) | ENDED
"""A chain's head is anchored with each step into one of these."""

LOCK_DEADLINE: Final = timedelta(seconds=5)
_LOCK_PAUSE_SECONDS = 0.02
_REMEMBERED_BYTES = 1 << 20
"""How much of an old file is looked through for a head that is anchored already. An anchor is repeated only
shortly after it was written, and a second line for a head would do no harm."""
_HEX64 = r"^[0-9a-f]{64}$"


def wall_clock() -> datetime:
    """Now, UTC."""
    return datetime.now(UTC)


class AnchorNotWritten(Exception):
    """The file can't be read, locked or written; nothing was acknowledged, and the same anchor can follow."""


class ChainHead(Model):
    """Where a chain ends: its number of events and the last one's hash. `record_id` names the database."""

    record_id: str
    account_id: str
    closure_id: str
    event_count: int
    head_hash: str = Field(pattern=_HEX64)


class AnchorLine(ChainHead):
    """One line. `time` is the wall's when it was written, UTC."""

    time: Instant
    previous: str = Field(pattern=_HEX64)
    key_id: str
    signature: str

    def signed_bytes(self) -> bytes:
        """What the signature is over."""
        return canonical_json(self._content()).encode()

    def text(self) -> str:
        """The line as it is in the file, without its end."""
        return canonical_json({**self._content(), "signature": self.signature})

    @property
    def head(self) -> ChainHead:
        return ChainHead.model_validate(self.model_dump(include=set(ChainHead.model_fields)))

    def _content(self) -> dict[str, JsonValue]:
        return {
            "record_id": self.record_id,
            "account_id": self.account_id,
            "closure_id": self.closure_id,
            "event_count": self.event_count,
            "head_hash": self.head_hash,
            "time": canonical_time(self.time),
            "previous": self.previous,
            "key_id": self.key_id,
        }


class Anchors(Protocol):
    """Where heads are anchored."""

    async def append(self, *heads: ChainHead) -> None:
        """Anchors the heads durably; again for the same head changes nothing that matters.

        Raises:
            AnchorNotWritten: not all of them are anchored; try again.
        """
        ...


class AnchorFile:
    """The file, for writing; several workers may share it on one file system.

    Args:
        file: made when there is none, with its folder, readable by its owner only.
        signing_key_file: read for each line; made on first use, but never where the file has lines.
        clock: wall clock, with an offset.
    """

    def __init__(
        self, file: Path, signing_key_file: Path, clock: Callable[[], datetime] = wall_clock
    ) -> None:
        self._file = file
        self._signing_key_file = signing_key_file
        self._clock = clock
        self._lock = threading.Lock()
        self._identity: tuple[int, int] | None = None
        self._read_to = 0
        self._last_hash = GENESIS_HASH
        self._heads: set[str] = set()

    async def require_writable(self) -> None:
        """Raises `AnchorNotWritten` where `append` would."""
        await asyncio.to_thread(self._append, ())

    async def append(self, *heads: ChainHead) -> None:
        """See `Anchors`."""
        await asyncio.to_thread(self._append, heads)

    def _append(self, heads: Sequence[ChainHead]) -> None:
        try:
            with self._lock, self._locked() as descriptor:
                signer = self._signer(descriptor)
                self._catch_up(descriptor)
                for head in heads:
                    if text_hash(head.model_dump_json()) not in self._heads:
                        self._write(descriptor, head, signer)
                if heads:  # also for a line that is there: who wrote it may have failed here
                    os.fsync(descriptor)
        except SigningKeyFault as error:
            raise AnchorNotWritten(f"{self._file} can't be signed: {error}") from error
        except OSError as error:
            raise AnchorNotWritten(
                f"the anchor file {self._file} can't be written: {error.strerror or error}"
            ) from error

    def _signer(self, descriptor: int) -> Signer:
        """A key is made only for an empty file: where lines are signed, a missing key is lost, not new."""
        return load_or_create_signer(self._signing_key_file, has_signed=os.fstat(descriptor).st_size > 0)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        make_private_folder(self._file.parent)
        is_new = not self._file.exists()
        descriptor = owner_only(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            self._wait_for_lock(descriptor)
            if is_new:
                sync_folder(self._file.parent)
            yield descriptor
        finally:
            os.close(descriptor)

    def _wait_for_lock(self, descriptor: int) -> None:
        deadline = time.monotonic() + LOCK_DEADLINE.total_seconds()
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise AnchorNotWritten(
                        f"the anchor file {self._file} is locked by another process"
                    ) from error
                time.sleep(_LOCK_PAUSE_SECONDS)

    def _catch_up(self, descriptor: int) -> None:
        """Reads what others have appended since, and cuts off a line that a crash left unfinished."""
        status = os.fstat(descriptor)
        if self._identity != (status.st_dev, status.st_ino) or status.st_size < self._read_to:
            self._identity, self._last_hash, self._heads = (status.st_dev, status.st_ino), GENESIS_HASH, set()
            self._read_to = _start_of_line(descriptor, max(0, status.st_size - _REMEMBERED_BYTES))
        content = _read(descriptor, self._read_to, status.st_size)
        whole, _, unfinished = content.rpartition(b"\n")
        for line in whole.split(b"\n") if whole else ():
            self._remember(line)
        if unfinished:
            os.ftruncate(descriptor, status.st_size - len(unfinished))
        self._read_to = status.st_size - len(unfinished)

    def _remember(self, line: bytes) -> None:
        self._last_hash = hashlib.sha256(line).hexdigest()
        try:
            head = AnchorLine.model_validate_json(line).head
        except ValidationError:
            return  # somebody's edit; verifying finds it
        self._heads.add(text_hash(head.model_dump_json()))

    def _write(self, descriptor: int, head: ChainHead, signer: Signer) -> None:
        unsigned = AnchorLine(
            **head.model_dump(),
            time=self._clock(),
            previous=self._last_hash,
            key_id=signer.key_id,
            signature="",
        )
        line = unsigned.model_copy(update={"signature": signer.sign(unsigned.signed_bytes())}).text().encode()
        written = os.write(descriptor, line + b"\n")
        if written != len(line) + 1:
            raise AnchorNotWritten(f"the anchor file {self._file} took only a part of a line")
        self._remember(line)
        self._read_to += written


def _start_of_line(descriptor: int, position: int) -> int:
    """The start of the first line at or after the position; needs a whole line there."""
    if position == 0:
        return 0
    found = _read(descriptor, position, position + _REMEMBERED_BYTES).find(b"\n")
    return 0 if found < 0 else position + found + 1


def _read(descriptor: int, start: int, end: int) -> bytes:
    parts = []
    while start < end and (part := os.pread(descriptor, end - start, start)):
        parts.append(part)
        start += len(part)
    return b"".join(parts)
