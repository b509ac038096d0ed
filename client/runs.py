"""Which run is there under an account's workflow id: the closure's own, one that drains, or a stranger's."""

import asyncio
from datetime import timedelta
from typing import Final

from client.delivery import Delivery
from client.faults import NotAnswered
from closure.accounts import Access, AccountProfile
from closure.acts import Act
from closure.errors import RefusalType, Refused
from closure.identifiers import workflow_id_of
from records.entries import RecordedClosure
from records.reading import ClosureRecords
from records.record import Record

ENDING_DEADLINE: Final = timedelta(seconds=10)
"""How long a run that has its outcome may take to end before the next closure can begin."""
CLAIMING_TIME: Final = timedelta(seconds=5)
"""How long a run may take to claim its closure before it counts as a stranger's."""
_LOOK: Final = 0.1


class ClosureRuns:
    """Makes way for a closure. Ending a run harms no closure: the record decides, and another run goes on."""

    def __init__(self, delivery: Delivery, record: Record, records: ClosureRecords) -> None:
        self._delivery = delivery
        self._record = record
        self._records = records

    async def require_free(self, profile: AccountProfile) -> None:
        """Passes when a closure of the account can begin; ends what occupies its workflow id without a claim.

        Raises:
            Refused: `ACCOUNT_CLOSED` or `CLOSURE_ALREADY_OPEN`.
            TemporalFailed: the server can't be reached.
        """
        account_id = profile.account_id
        if profile.access is Access.CLOSED:
            raise Refused(
                RefusalType.ACCOUNT_CLOSED,
                f"account {account_id} is closed for good; nobody can reopen it",
                facts={"account_id": account_id},
            )
        closure_id = await self._open_or_opening(account_id)
        if closure_id is not None:
            raise Refused(
                RefusalType.CLOSURE_ALREADY_OPEN,
                f"account {account_id} already has an open closure: {closure_id}",
                facts={"account_id": account_id, "closure_id": closure_id},
            )
        await self._until_free(workflow_id_of(profile.provider, account_id))

    async def make_way(self, closure: RecordedClosure) -> None:
        """Ends a run that occupies the closure's workflow id without holding the closure.

        Raises:
            TemporalFailed: the server can't be reached.
        """
        workflow_id = closure.state.workflow_id
        running = await self._delivery.running(workflow_id)
        if running is None:
            return
        if not self._delivery.is_ours(running) or not await self._is_held_by(closure, running.run_id):
            await self._delivery.end_stranger(running, workflow_id)

    async def require_interrupted(self, closure: RecordedClosure) -> None:
        """Passes unless a run of ours holds the closure.

        Raises:
            Refused: `STAGE_CONFLICT`.
            TemporalFailed: the server can't be reached.
        """
        running = await self._delivery.running(closure.state.workflow_id)
        if running is None or not self._delivery.is_ours(running):
            return
        if await self._is_held_by(closure, running.run_id):
            raise Refused(
                RefusalType.STAGE_CONFLICT,
                f"closure {closure.closure_id} is not interrupted: run {running.run_id} carries it on",
                facts={"account_id": closure.state.account_id, "run_id": running.run_id},
            )

    async def end_current(self, closure: RecordedClosure) -> None:
        """Ends whatever runs under the closure's workflow id.

        Raises:
            TemporalFailed: the server can't be reached.
        """
        running = await self._delivery.running(closure.state.workflow_id)
        if running is not None:
            await self._delivery.end_stranger(running, closure.state.workflow_id)

    async def until_held(self, closure: RecordedClosure) -> None:
        """Waits until the current run has claimed the closure.

        Raises:
            NotAnswered: no worker has taken it up.
            TemporalFailed: the server can't be reached.
        """
        running = await self._delivery.running(closure.state.workflow_id)
        if running is None or not await self._is_held_by(closure, running.run_id):
            raise NotAnswered(
                "the run is started, but no worker has taken it up yet", closure_id=closure.closure_id
            )

    async def _open_or_opening(self, account_id: str) -> str | None:
        """The id of the account's open closure, or of one that has just been asked for."""
        opened = await self._records.open_closure(account_id)
        if opened is not None:
            return opened.closure_id
        asked = await self._records.last_close(account_id)
        return asked.closure_id if asked is not None and await self._is_under_way(asked) else None

    async def _is_under_way(self, act: Act) -> bool:
        """Whether an earlier close may still be carried out."""
        if act.status.is_over or act.lapses_at is None:
            return False
        now = await self._record.read(lambda each: self._record.now(each, None))
        return now < act.lapses_at

    async def _until_free(self, workflow_id: str) -> None:
        """A run that has its outcome still drains for a moment; what else is there holds no closure."""
        deadline = asyncio.get_running_loop().time() + ENDING_DEADLINE.total_seconds()
        while (running := await self._delivery.running(workflow_id)) is not None:
            is_late = asyncio.get_running_loop().time() > deadline
            if is_late or not self._delivery.is_ours(running):
                return await self._delivery.end_stranger(running, workflow_id)
            await asyncio.sleep(_LOOK)
        return None

    async def _is_held_by(self, closure: RecordedClosure, run_id: str) -> bool:
        """A new run claims its closure within moments."""
        deadline = asyncio.get_running_loop().time() + CLAIMING_TIME.total_seconds()
        while True:
            now = await self._records.get(closure.closure_id)
            if now is not None and now.run_id == run_id:
                return True
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_LOOK)
