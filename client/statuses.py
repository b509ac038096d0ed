"""Which closure is meant, and how it stands: now, and after every change."""

import asyncio
from collections.abc import AsyncIterator

from client.following import FOLLOW_INTERVAL, has_ended
from client.standing import ClosureStandings
from closure.acts import Act, ActStatus
from closure.errors import RefusalType, Refused
from closure.identifiers import workflow_id_of
from closure.messages import StatusDocument
from records.entries import RecordedClosure
from records.reading import ClosureRecords


class ClosureStatuses:
    """Of closures and of those that were only asked for, from the record."""

    def __init__(self, records: ClosureRecords, standings: ClosureStandings) -> None:
        self._records = records
        self._standings = standings

    async def of_account(self, account_id: str, *, page: int = 1) -> StatusDocument:
        """Of the closure that was asked for last. See `ClosureClient.status`."""
        last = await self._records.last(account_id)
        asked = await self._records.last_close(account_id)
        is_open = last is not None and last.state.outcome is None
        if (
            not is_open
            and asked is not None
            and asked.status is not ActStatus.DONE
            and _is_newer(asked, last)
        ):
            return await self._of_act(asked)
        if last is None:
            raise Refused(
                RefusalType.CLOSURE_NOT_FOUND,
                f"account {account_id} has no closure",
                facts={"account_id": account_id},
            )
        return await self._standings.of_closure(last, page=page)

    async def of_closure(
        self, closure_id: str, *, account_id: str | None = None, page: int = 1
    ) -> StatusDocument:
        """Of this closure, if it is the account's. See `ClosureClient.status`."""
        closure = await self._records.get(closure_id)
        if closure is None or account_id not in (None, closure.state.account_id):
            return await self._of_act(await self._close_act(account_id, closure_id))
        return await self._standings.of_closure(closure, page=page)

    async def follow(self, closure_id: str) -> AsyncIterator[StatusDocument]:
        """See `ClosureClient.follow`."""
        seen: tuple[int, object, object] | None = None
        while True:
            closure = await self._records.get(closure_id)
            if closure is None:
                act = await self._close_act(None, closure_id)
                if act.status in (ActStatus.REFUSED, ActStatus.LAPSED):
                    yield await self._of_act(act)
                    return
            else:
                now = (closure.event_count, closure.updated_at, closure.state.waiting)
                if now != seen:
                    seen = now
                    yield await self._standings.of_closure(closure)
                if await has_ended(self._records, closure):
                    return
            await asyncio.sleep(FOLLOW_INTERVAL.total_seconds())

    async def _close_act(self, account_id: str | None, closure_id: str) -> Act:
        found = await self._records.close_of(closure_id)
        if found is None or account_id not in (None, found[0].account_id):
            known = {"account_id": account_id} if account_id else {}
            raise Refused(RefusalType.CLOSURE_NOT_FOUND, f"there is no closure {closure_id}", facts={**known})
        return found[0]

    async def _of_act(self, act: Act) -> StatusDocument:
        found = await self._records.close_of(act.closure_id)
        words = found[1] if found is not None else None
        workflow_id = workflow_id_of(words.provider, act.account_id) if words is not None else ""
        return await self._standings.of_act(act, words, workflow_id)


def _is_newer(act: Act, closure: RecordedClosure | None) -> bool:
    return closure is None or (act.closure_id != closure.closure_id and act.written_at > closure.opened_at)
