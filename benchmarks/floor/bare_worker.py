"""The bare workflow's worker, as a sample has it; until SIGTERM."""

import asyncio
import os
import signal

from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.floor.bare_workflow import BareWorkflow, do_nothing


async def serve() -> None:
    """Polls the queue that the environment names."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    async with Worker(
        client,
        task_queue=os.environ["CLOSURE_TASK_QUEUE"],
        workflows=[BareWorkflow],
        activities=[do_nothing],
    ):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve())
    os._exit(0)  # the SDK's threads may abort a process that ends normally
