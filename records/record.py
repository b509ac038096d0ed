"""The record: one database with the installation's name, and a clock for what is written there."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.exc import IntegrityError

from closure.installation import Installation
from database.database import Database, database_time
from records.anchors import Anchors, ChainHead
from records.lookups import chain_end, chain_head
from records.tables import record_closures

Result = TypeVar("Result")

_ATTEMPTS: Final = 5
_REMEMBERED_ANCHORS: Final = 10_000
_ANCHOR_DUE: Final = select(record_closures.c.anchor_due).where(
    record_closures.c.closure_id == bindparam("of")
)


class Record:
    """Transactions on the record's tables. What they do is in the other modules, as functions.

    With `anchors`, whoever writes an event that must be anchored calls `anchor` before going on: it may raise
    `AnchorNotWritten`, and then calling it again is safe. With `erasures`, whoever deletes an account calls
    `note_erasure` before saying so.
    """

    def __init__(
        self,
        database: Database,
        installation: Installation,
        anchors: Anchors | None = None,
        erasures: Anchors | None = None,
    ) -> None:
        self.database = database
        self.installation = installation
        self._anchors = anchors
        self._erasures = erasures
        self._anchored: dict[tuple[str, int], None] = {}

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """See `Database.read`."""
        return await self.database.read(work)

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """See `Database.write`. Repeats `work` when another transaction won a race for the same new row."""
        for _ in range(1, _ATTEMPTS):
            try:
                return await self.database.write(work)
            except IntegrityError:
                continue
        return await self.database.write(work)

    def now(self, connection: Connection, skipped: datetime | None) -> datetime:
        """The closure's clock, UTC: the database's, but on a local installation what the run says of it."""
        if skipped is not None and self.installation.believes_skipped_clocks:
            return skipped
        return database_time(connection)

    def head_due(self, connection: Connection, closure_id: str, due: int | None) -> ChainHead | None:
        """What `anchor_head` is to anchor when the event of this number is due; None where it is anchored."""
        if self._anchors is None or due is None or (closure_id, due) in self._anchored:
            return None
        return chain_head(connection, closure_id, due)

    async def anchor_head(self, *found: ChainHead | None) -> None:
        """Anchors what `head_due` has found. Raises `AnchorNotWritten`: it isn't anchored; try again."""
        heads = [head for head in found if head is not None]
        if self._anchors is None or not heads:
            return
        await self._anchors.append(*heads)
        for head in heads:
            self._anchored[head.closure_id, head.event_count] = None
            if len(self._anchored) > _REMEMBERED_ANCHORS:
                del self._anchored[next(iter(self._anchored))]

    async def anchor(self, *closure_ids: str) -> None:
        """Anchors the heads that are due; without one, or where it is anchored already, does nothing.

        Raises:
            AnchorNotWritten: it isn't anchored; try again.
        """
        if self._anchors is None:
            return

        def work(connection: Connection) -> list[ChainHead | None]:
            return [
                self.head_due(connection, each, connection.scalar(_ANCHOR_DUE, {"of": each}))
                for each in closure_ids
            ]

        await self.anchor_head(*await self.read(work))

    async def note_erasure(self, closure_id: str) -> None:
        """Notes in the ledger of erasures that the closure's account is gone; again changes nothing.

        Raises:
            AnchorNotWritten: it isn't noted; try again.
        """
        if self._erasures is not None:
            await self._erasures.append(await self.read(lambda each: chain_end(each, closure_id)))
