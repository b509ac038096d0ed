"""What people have asked for on pages and what takes longer than a page may: it goes on by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from client.faults import NotAnswered, TakesLonger
from closure.messages import StatusDocument
from records.record import Record
from records.session_acts import AnotherUnderway, Over, Unanswered, ask_act, forget_act, how_it_ended
from records.web_sessions import WebSession

_REMEMBERED: Final = 1_000

Act = Callable[[str], Awaitable[StatusDocument]]
"""Gives the act, under this id."""
Look = Callable[[], Awaitable[StatusDocument]]
"""Has something looked at, which leaves no act behind."""


class Busy(Exception):
    """Another act of the same person is still under way."""


@dataclass(frozen=True)
class Fault:
    """What came to nothing."""

    what: str
    error: Exception


@dataclass(frozen=True)
class _Underway:
    """In this process; without an `act_id` it is a look."""

    what: str
    act_id: str | None
    task: "asyncio.Task[StatusDocument]"


class ActsUnderway:
    """One act of each session at a time; the record alone decides what an act may do.

    The same act asked for again while it is under way, such as by a second click, is that act, whichever
    process serves the click. What became of an act is told by whichever process is asked next.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._here: dict[str, _Underway] = {}

    async def carry(
        self, session: WebSession, what: str, act: Act, patience: timedelta, *, overtakes: bool = False
    ) -> StatusDocument | None:
        """The act's answer; None when it takes longer than `patience`, and goes on.

        Of what it overtakes, which goes on too, nobody is told any more.

        Raises:
            Busy: another act of theirs is under way, which this one doesn't overtake.
            Exception: whatever the act raises.
        """
        here = self._here.get(session.session_hash)
        if here is not None and not here.task.done() and here.what != what and not overtakes:
            raise Busy
        if here is not None and here.task.done():
            await self._tell(session, here)
        try:
            asked, is_new = await self._record.write(
                lambda each: ask_act(each, session, what, overtakes=overtakes)
            )
        except AnotherUnderway as another:
            raise Busy from another
        if is_new:
            here = self._begin(session, what, asked.act_id, lambda: act(asked.act_id))
        elif here is None or here.act_id != asked.act_id:
            return None  # another process carries it
        return await self._answer(session, here, patience)

    async def look(
        self, session: WebSession, what: str, look: Look, patience: timedelta
    ) -> StatusDocument | None:
        """As `carry`, for what leaves no act behind: only this process knows of it."""
        here = self._here.get(session.session_hash)
        if here is None or here.task.done():
            here = self._begin(session, what, None, look)
        elif here.what != what:
            raise Busy
        return await self._answer(session, here, patience)

    async def is_under_way(self, session: WebSession) -> bool:
        """Whether something that they asked for goes on."""
        return await self.under_way(session) is not None

    async def under_way(self, session: WebSession) -> str | None:
        """What they asked for and what goes on, as it was called."""
        here = self._here.get(session.session_hash)
        if here is not None:
            return None if here.task.done() else here.what
        asked = session.asked
        return asked.name if asked is not None and await self._over(session) is None else None

    async def take_fault(self, session: WebSession) -> Fault | None:
        """What of theirs came to nothing, and why, if nobody has been told; told once."""
        here = self._here.get(session.session_hash)
        if here is None:
            return await self._take_recorded(session)
        if not here.task.done():
            return None
        await self._tell(session, here)
        if here.act_id is not None and (session.asked is None or session.asked.act_id != here.act_id):
            return None  # another process has told them
        error = None if here.task.cancelled() else here.task.exception()
        return Fault(here.what, error) if isinstance(error, Exception) else None

    def _begin(self, session: WebSession, what: str, act_id: str | None, begin: Look) -> _Underway:
        self._drop_untold()
        here = _Underway(what, act_id, asyncio.ensure_future(begin()))
        # Another process may tell, or nobody comes back: asyncio needn't log that nobody looked at it.
        here.task.add_done_callback(lambda task: None if task.cancelled() else task.exception())
        self._here[session.session_hash] = here
        return here

    async def _answer(
        self, session: WebSession, here: _Underway, patience: timedelta
    ) -> StatusDocument | None:
        done, _ = await asyncio.wait({here.task}, timeout=patience.total_seconds())
        if not done:
            return None
        await self._tell(session, here)
        return here.task.result()

    async def _tell(self, session: WebSession, here: _Underway) -> None:
        """Whoever asks is told now; nobody else will be."""
        if self._here.get(session.session_hash) is here:
            del self._here[session.session_hash]
        if here.act_id is not None:
            await self._forget(session, here.act_id)

    async def _take_recorded(self, session: WebSession) -> Fault | None:
        """Of an act that another process has carried, or one that is gone."""
        asked = session.asked
        if asked is None:
            return None
        over = await self._over(session)
        if over is None:
            return None
        await self._forget(session, asked.act_id)
        if over.refused is not None:
            return Fault(asked.name, over.refused)
        if over.unanswered is Unanswered.UNKNOWN:
            return Fault(
                asked.name, TakesLonger("nobody has answered", account_id=session.visitor.account_id or "")
            )
        if over.unanswered is not None:
            stands = over.unanswered is Unanswered.STANDS
            unanswered = NotAnswered(
                "nobody has answered", closure_id=session.closure_id or "", stands=stands
            )
            return Fault(asked.name, unanswered)
        return None

    async def _over(self, session: WebSession) -> Over | None:
        asked = session.asked
        assert asked is not None
        return await self._record.read(lambda each: how_it_ended(each, asked))

    async def _forget(self, session: WebSession, act_id: str) -> None:
        await self._record.write(lambda each: forget_act(each, session, act_id))

    def _drop_untold(self) -> None:
        """Nobody came back for very many of them."""
        if len(self._here) > _REMEMBERED:
            self._here = {name: each for name, each in self._here.items() if not each.task.done()}
