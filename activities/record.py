"""Writing the closure's record."""

from temporalio import activity

from records.closures import ClosureRecords
from records.entries import Entry


class RecordActivities:
    """The record: stage changes and audit events, in one transaction each."""

    def __init__(self, records: ClosureRecords) -> None:
        self._records = records

    @activity.defn
    async def write_entry(self, entry: Entry) -> int:
        """Writes an audit event and the stage it brings; returns its sequence number.

        Raises:
            Refused: `STALE_RUN` when a resumed run has taken over, `STAGE_CONFLICT` in another stage.
        """
        return await self._records.write(entry)
