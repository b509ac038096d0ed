"""A client process: customers who close accounts, or start bare workflows, many at once.

It says a line when it is warm, one when all is done, and what it then sees as JSON, and waits between them.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Final, Protocol

from pydantic import BaseModel
from sqlalchemy import func, select
from temporalio.client import Client, WorkflowHandle

from benchmarks.floor.bare_workflow import WAITING, Bare, BareWorkflow
from benchmarks.floor.counts import count_transactions
from benchmarks.installation import Benchmarked
from closure.lifecycle import Outcome, Stage
from installation import open_installation
from records.tables import record_certificates
from settings import Settings
from temporal.connection import connect

_LOOK_INTERVAL: Final = 0.2


class Until(StrEnum):
    """How far customers go."""

    END = "end"
    WAITING = "waiting"
    """In the silent period, which goes on."""


class Task(BaseModel):
    """What a client process is to do."""

    bare: bool
    until: Until = Until.END
    closures: int
    warm_ups: int
    at_once: int
    wait_seconds: int


class Seen(BaseModel):
    """What became of all closures, those of the warm-up included; sizes are of the others."""

    events: int
    history_bytes: int
    faults: list[str]
    """What makes the run void."""


class Woken(BaseModel):
    """How long those that wait took to answer a query, in seconds: the first, and all of them."""

    first: float
    all: float


class Customers(Protocol):
    """One side's customers."""

    async def prepare(self, account_ids: Sequence[str]) -> None:
        """Makes the accounts."""
        ...

    async def close(self, account_id: str) -> None:
        """From the click until everything is over."""
        ...

    async def open(self, account_id: str) -> None:
        """From the click until nothing happens but waiting."""
        ...

    async def ask(self, account_id: str) -> None:
        """Has the workflow answer a query."""
        ...

    def handle(self, account_id: str) -> WorkflowHandle[object, object]: ...

    async def faults(self, account_ids: Sequence[str]) -> list[str]:
        """What is not as it should be, in words."""
        ...


class BareCustomers:
    """They start, look, signal and wait."""

    def __init__(self, client: Client, wait_seconds: int) -> None:
        self._client = client
        self._wait_seconds = wait_seconds

    async def prepare(self, account_ids: Sequence[str]) -> None:
        """There is nothing to make."""

    async def close(self, account_id: str) -> None:
        await self._confirm(account_id)
        await self.handle(account_id).result()

    async def open(self, account_id: str) -> None:
        await self._confirm(account_id)
        while await self.handle(account_id).query("stage") != WAITING:
            await asyncio.sleep(_LOOK_INTERVAL)

    async def ask(self, account_id: str) -> None:
        await self.handle(account_id).query("stage")

    async def _confirm(self, account_id: str) -> None:
        handle = await self._client.start_workflow(
            BareWorkflow.run,
            Bare(account_id, self._wait_seconds),
            id=f"bare/{account_id}",
            task_queue=os.environ["CLOSURE_TASK_QUEUE"],
        )
        await handle.query(BareWorkflow.stage)
        await handle.signal(BareWorkflow.confirm)

    def handle(self, account_id: str) -> WorkflowHandle[object, object]:
        return self._client.get_workflow_handle(f"bare/{account_id}")

    async def faults(self, account_ids: Sequence[str]) -> list[str]:
        results = [await self.handle(each).result() for each in account_ids]
        return [f"a bare workflow returned {each!r}" for each in results if each != "deleted"]


class ClosureCustomers:
    """They close and confirm as people do by a page, and wait for the end."""

    def __init__(self, benchmarked: Benchmarked) -> None:
        self._benchmarked = benchmarked

    async def prepare(self, account_ids: Sequence[str]) -> None:
        await self._benchmarked.load([self._benchmarked.procedure.account(each) for each in account_ids])

    async def close(self, account_id: str) -> None:
        await self._confirm(account_id)
        await self.handle(account_id).result()

    async def open(self, account_id: str) -> None:
        await self._confirm(account_id)
        while (await self._benchmarked.status(account_id)).stage is not Stage.SILENT:
            await asyncio.sleep(_LOOK_INTERVAL)

    async def ask(self, account_id: str) -> None:
        await self.handle(account_id).query("status")

    async def _confirm(self, account_id: str) -> None:
        proof = await self._benchmarked.proof(account_id)
        ready = await self._benchmarked.close(account_id, proof)
        await self._benchmarked.status(account_id)
        await self._benchmarked.confirm(account_id, ready)

    def handle(self, account_id: str) -> WorkflowHandle[object, object]:
        return self._benchmarked.handle(account_id)

    async def faults(self, account_ids: Sequence[str]) -> list[str]:
        faults = [fault for each in account_ids async for fault in self._faults(each)]
        query = select(func.count()).select_from(record_certificates)
        certificates = await self._benchmarked.installation.database.read(
            lambda connection: connection.scalar(query)
        )
        if certificates != len(account_ids):
            faults.append(f"{len(account_ids)} closures have {certificates} certificates")
        return faults

    async def _faults(self, account_id: str) -> AsyncIterator[str]:
        records = self._benchmarked.closures.records
        closure_ids = await records.closure_ids(account_id)
        if len(closure_ids) != 1:
            yield f"{account_id} has {len(closure_ids)} closures"
        for closure_id in closure_ids:
            closure, trail = await records.get(closure_id), await records.trail(closure_id)
            if closure is None or closure.state.outcome is not Outcome.DELETED:
                yield f"{closure_id} is not deleted"
            if trail is None or trail.fault is not None or trail.unreadable:
                yield f"{closure_id} has no whole audit trail"
            if await records.certificate(closure_id) is None:
                yield f"{closure_id} has no certificate"


async def all_at_once(
    account_ids: Iterable[str], close: Callable[[str], Awaitable[None]], at_once: int
) -> None:
    """Closes all of them, so many at a time."""
    places = asyncio.Semaphore(at_once)

    async def closed(account_id: str) -> None:
        async with places:
            await close(account_id)

    async with asyncio.TaskGroup() as group:
        for account_id in account_ids:
            group.create_task(closed(account_id))


async def wake(customers: Customers, account_ids: Sequence[str], at_once: int) -> Woken:
    """Asks one, then all."""
    began = perf_counter()
    await customers.ask(account_ids[0])
    first = perf_counter() - began
    await all_at_once(account_ids, customers.ask, at_once)
    return Woken(first=first, all=perf_counter() - began)


async def look(customers: Customers, account_ids: Sequence[str], warm: Sequence[str]) -> Seen:
    """At the histories, and at what became of everything."""
    events = history_bytes = 0
    for account_id in account_ids:
        described = (await customers.handle(account_id).describe()).raw_description.workflow_execution_info
        events += described.history_length
        history_bytes += described.history_size_bytes
    faults = await customers.faults([*warm, *account_ids])
    return Seen(events=events, history_bytes=history_bytes, faults=faults)


@asynccontextmanager
async def customers_of(task: Task) -> AsyncIterator[Customers]:
    if task.bare:
        yield BareCustomers(await Client.connect(os.environ["TEMPORAL_ADDRESS"]), task.wait_seconds)
        return
    async with open_installation(Settings()) as installation:
        yield ClosureCustomers(Benchmarked(await connect(installation.settings), installation, Path.cwd()))


async def work(task: Task) -> None:
    warm = [f"warm-{number}" for number in range(task.warm_ups)]
    account_ids = [f"account-{number}" for number in range(task.closures)]
    async with customers_of(task) as customers:
        go = customers.close if task.until is Until.END else customers.open
        await customers.prepare([*warm, *account_ids])
        await all_at_once(warm, go, task.at_once)
        print("warm", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await all_at_once(account_ids, go, task.at_once)
        print("done", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        answer: BaseModel
        if task.until is Until.END:
            answer = await look(customers, account_ids, warm)
        else:
            answer = await wake(customers, account_ids, task.at_once)
        print(answer.model_dump_json(), flush=True)


if __name__ == "__main__":
    count_transactions()
    asyncio.run(work(Task.model_validate_json(sys.argv[1])))
    sys.stdout.flush()
    os._exit(0)  # the SDK's threads may abort a process that ends normally
