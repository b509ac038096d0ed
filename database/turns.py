"""Work that comes at the same time shares a transaction, where that is cheaper than one for each."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Result = TypeVar("Result")


class Abandoned(Exception):
    """Nobody waits for the work any more: it is rolled back."""


@dataclass(eq=False)
class Turn(Generic[Result]):
    """One work; `done` ends when its transaction has ended."""

    work: Callable[[Connection], Result]
    done: "asyncio.Future[Result]"
    abandoned: threading.Event = field(default_factory=threading.Event)

    def take(self, connection: Connection) -> Result:
        """On the transaction's thread. Raises `Abandoned`, and what the work raises."""
        if not self.abandoned.is_set():
            result = self.work(connection)
            if not self.abandoned.is_set():
                return result
        raise Abandoned

    def end(self, outcome: "Outcome[Result]") -> None:
        if isinstance(outcome, Brought):
            self.done.set_result(outcome.result)
        else:
            self.done.set_exception(outcome)


@dataclass(frozen=True)
class Brought(Generic[Result]):
    """What a work has returned."""

    result: Result


Outcome = Brought[Result] | Exception
AnyTurn = Turn[object]
AnyOutcome = Outcome[object]
Serve = Callable[[Sequence[AnyTurn]], Awaitable[Sequence[AnyOutcome]]]
"""Takes these turns in one transaction. Raises what none of them survives."""


class Queue:
    """Turns of one event loop.

    Args:
        serve: takes some in a transaction.
        together: how many share one at most; the first waits for the last.
        place: what a transaction needs first, one at a time; who comes meanwhile shares it. Without it,
            transactions run beside each other, and only who comes in the same moment shares one.
    """

    def __init__(
        self,
        serve: Serve,
        *,
        together: int,
        place: Callable[[], AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        self._serve = serve
        self._together = together
        self._place = place
        self._waiting: list[AnyTurn] = []
        self._is_called = False
        self._serving: set[asyncio.Task[None]] = set()

    async def take(self, work: Callable[[Connection], Result]) -> Result:
        """The work's result, once its transaction has ended; a cancelled one is rolled back before."""
        loop = asyncio.get_running_loop()
        turn = Turn(work, loop.create_future())
        waiting = cast(AnyTurn, turn)  # it gets back what its own work has brought
        self._waiting.append(waiting)
        self._call()
        try:
            return await asyncio.shield(turn.done)
        except asyncio.CancelledError:
            turn.abandoned.set()
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                raise
            # Whoever comes next must not go on before this one has ended.
            await asyncio.wait({turn.done})
            turn.done.exception()  # or asyncio would log that nobody looked at it
            raise

    def _call(self) -> None:
        """Has those who wait served, as many as there are by then."""
        if not self._is_called:
            self._is_called = True
            asyncio.get_running_loop().call_soon(self._begin)  # after all that is ready now

    def _begin(self) -> None:
        if self._place is None:
            self._spawn(self._serve_together(self._next()))
        else:
            self._spawn(self._serve_in_place(self._place))

    def _spawn(self, serving: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(serving)
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    def _next(self) -> Sequence[AnyTurn]:
        turns, self._waiting = self._waiting[: self._together], self._waiting[self._together :]
        self._is_called = False
        if self._waiting:
            self._call()
        return turns

    async def _serve_in_place(self, place: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        try:
            async with place():
                await self._serve_together(self._next())
        except Exception as error:  # noqa: BLE001 - it is raised to everyone who waits for the place
            for turn in self._next():
                turn.end(error)
        except asyncio.CancelledError:  # the loop ends
            for turn in self._next():
                turn.done.cancel()
            raise

    async def _serve_together(self, turns: Sequence[AnyTurn]) -> None:
        if not turns:  # all were cancelled meanwhile
            return
        outcomes: Sequence[AnyOutcome]
        try:
            outcomes = await self._serve(turns)
        except Exception as error:  # noqa: BLE001 - it is raised to everyone who waits for it
            outcomes = [error] * len(turns)
        for turn, outcome in zip(turns, outcomes, strict=True):
            turn.end(outcome)


class SharedCall(Generic[Result]):
    """A call that counts for all who asked before it began, in one event loop; one at a time."""

    def __init__(self, call: Callable[[], Awaitable[Result]]) -> None:
        self._call = call
        self._running = asyncio.Lock()
        self._next: asyncio.Task[Result] | None = None

    async def result(self) -> Result:
        """Of a call that begins from now on. Who is cancelled takes it from nobody else."""
        if self._next is None:
            self._next = asyncio.create_task(self._run())
        return await asyncio.shield(self._next)

    async def _run(self) -> Result:
        async with self._running:
            self._next = None
            return await self._call()


def take_each(
    connection: Connection,
    turns: Sequence[AnyTurn],
    *,
    writes: bool,
    is_fatal: Callable[[DBAPIError], bool],
) -> list[AnyOutcome]:
    """Takes the turns in one transaction, each as if it were alone.

    What one has written before it failed is rolled back, and the others go on; but what is fatal to the
    transaction is raised, and so to all of them.
    """
    if len(turns) == 1:
        return [Brought(turns[0].take(connection))]
    return [_take_saved(connection, turn, writes, is_fatal) for turn in turns]


def _take_saved(
    connection: Connection, turn: AnyTurn, writes: bool, is_fatal: Callable[[DBAPIError], bool]
) -> AnyOutcome:
    outcome: AnyOutcome
    if writes:  # within those of earlier turns, which nobody goes back to: the commit ends them all
        connection.exec_driver_sql("SAVEPOINT turn")
    try:
        outcome = Brought(turn.take(connection))
    except Exception as error:
        if isinstance(error, DBAPIError) and is_fatal(error):
            raise
        if writes:
            connection.exec_driver_sql("ROLLBACK TO turn")
        outcome = error
    return outcome
