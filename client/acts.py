"""A customer's act from the click to its answer: written down, delivered, read back; or given up for good."""

from typing import Final

from client.delivery import Delivery, Late
from client.faults import NotAnswered, TemporalFailed
from client.targets import ClosureTarget
from closure.acts import Act, ActKind, ActStatus, NewAct, Words
from closure.errors import Refused
from records import acts
from records.reading import ClosureRecords
from records.record import Record

_ATTEMPTS: Final = 2
"""A run can be lost in the middle of an act; the next one carries the act out or refuses it."""


class ActSender:
    """What became of an act is read from the record, never from an answer of Temporal's."""

    def __init__(self, delivery: Delivery, record: Record, records: ClosureRecords) -> None:
        self._delivery = delivery
        self._record = record
        self._records = records

    async def send(
        self,
        target: ClosureTarget,
        kind: ActKind,
        user_id: str,
        proof_id: str | None,
        words: Words,
        act_id: str | None = None,
    ) -> None:
        """Returns once the act is carried out; `act_id` is a new one by which the caller finds it again.

        Raises:
            Refused: why it was refused.
            NotAnswered: nobody took it up; it has lapsed, but for a withdrawal.
            TemporalFailed: the server can't be reached; the same.
        """
        new = NewAct(
            kind=kind,
            account_id=target.account_id,
            closure_id=target.closure_id,
            user_id=user_id,
            proof_id=proof_id,
        )
        act_id = await self._record.write(lambda each: acts.write_act(each, new, words, act_id))
        try:
            for _ in range(_ATTEMPTS):
                await self._delivery.send_act(target, kind, act_id)
                if await self._is_done(act_id):
                    return
        except (Late, TemporalFailed, Refused) as failed:
            if await self._give_up(act_id, kind):
                raise self._not_done(failed, kind, target) from failed
            if not await self._is_done(act_id):
                raise self._not_done(failed, kind, target) from failed
            return
        except BaseException:
            # Interrupted by the person, say, or the answer can't be decrypted.
            await self._give_up(act_id, kind)
            raise
        if await self._give_up(act_id, kind) or not await self._is_done(act_id):
            raise self._not_done(Late(), kind, target)

    async def _is_done(self, act_id: str) -> bool:
        """Whether the act was carried out; raises what it was refused with."""
        act = await self._found(act_id)
        if not act.status.is_over or act.status is ActStatus.LAPSED:
            return False
        try:
            acts.raise_ended(act)
        except acts.ActDone:
            return True
        return False

    async def _give_up(self, act_id: str, kind: ActKind) -> bool:
        """Lapses the act, so that nothing takes it up later; whether it was not over yet.

        A withdrawal stands: it works late.
        """
        if kind.stands_unanswered:
            return not (await self._found(act_id)).status.is_over
        return await self._record.write(lambda each: acts.end_act(each, act_id, ActStatus.LAPSED))

    async def _found(self, act_id: str) -> Act:
        act = await self._records.act(act_id)
        assert act is not None, "acts are never deleted"
        return act

    def _not_done(self, failed: Exception, kind: ActKind, target: ClosureTarget) -> Exception:
        if not isinstance(failed, Late):
            return failed
        said = (
            "no worker has answered yet; the withdrawal stands: nothing irrevocable happens before it"
            if kind.stands_unanswered
            else "no worker answered; nothing was done, and nothing will be"
        )
        return NotAnswered(said, closure_id=target.closure_id, stands=kind.stands_unanswered)
