"""Having a closure go on: in a new run where it is interrupted, or now where it pauses."""

from client.delivery import Delivery
from client.following import has_ended
from client.runs import ClosureRuns
from client.targets import ClosureTarget
from closure.errors import RefusalType, Refused
from closure.identifiers import closure_of_effect
from records.entries import RecordedClosure
from records.reading import ClosureRecords
from temporal.current_runs import Hastened


class Resuming:
    """A new run takes its state from the record, so that it doesn't matter what became of the one before."""

    def __init__(self, records: ClosureRecords, delivery: Delivery, runs: ClosureRuns) -> None:
        self._records = records
        self._delivery = delivery
        self._runs = runs

    async def resume(self, closure_id: str, *, replace: bool) -> None:
        """See `ClosureClient.resume`."""
        closure = await self._records.get(closure_id)
        if closure is None:
            raise Refused(
                RefusalType.CLOSURE_NOT_FOUND,
                f"there is no closure {closure_id}",
                facts={"closure_id": closure_id},
            )
        await self._require_resumable(closure)
        if not replace:
            await self._runs.require_interrupted(closure)
        await self._runs.end_current(closure)
        await self._delivery.start_again(ClosureTarget.of(closure))
        await self._runs.until_held(closure)

    async def effect_done(self, key: str) -> bool:
        """See `ClosureClient.effect_done`."""
        closure = await self._records.get(closure_of_effect(key))
        if closure is not None and closure.owner_closure_id is not None:
            closure = await self._records.get(closure.owner_closure_id)
        if closure is None:
            raise Refused(RefusalType.CLOSURE_NOT_FOUND, "there is no closure with this effect")
        return await self._delivery.hasten(closure.state.workflow_id) is not Hastened.AT_WORK

    async def _require_resumable(self, closure: RecordedClosure) -> None:
        """Raises `Refused`: `STAGE_CONFLICT` or `CLOSURE_ENDED`."""
        closure_id, account_id = closure.closure_id, closure.state.account_id
        if closure.owner_closure_id is not None:
            raise Refused(
                RefusalType.STAGE_CONFLICT,
                f"closure {closure_id} goes on with closure {closure.owner_closure_id} of the owning account",
                facts={"account_id": account_id, "owner_closure_id": closure.owner_closure_id},
            )
        if await has_ended(self._records, closure):
            raise Refused(
                RefusalType.CLOSURE_ENDED,
                f"closure {closure_id} has ended: {closure.state.stage.value}",
                facts={"account_id": account_id},
            )
