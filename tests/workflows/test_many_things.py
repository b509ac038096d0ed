"""Accounts with very many things: few events, no list in Temporal, a worker whose memory stays flat."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from activities.survey import THINGS_AT_ONCE
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.twilio import WORDS, twilio_account
from tests.harness.waiting import BEYOND, eventually

PROJECT = Path(__file__).resolve().parents[2]
MEBIBYTE = 1 << 20
VERY_MANY = 100_000
logger = logging.getLogger(__name__)


def things(number: int) -> Mapping[str, Sequence[Mapping[str, object]]]:
    """Every tenth resource depends on the one before it; ids are as long as they may be by and by."""
    return {
        "resources": [
            {
                "id": f"i-{place:06}",
                "product": f"product-{place % 7}",
                "renounceable": True,
                **({"depends_on": [f"i-{place - 1:06}"]} if place % 10 == 9 else {}),
            }
            for place in range(number)
        ],
        "data": [
            {"id": f"store-{place:06}-{'x' * 60}", "store": f"kind-{place % 3}", "objects": place}
            for place in range(number)
        ],
    }


@asynccontextmanager
async def worker_process(installation: TestInstallation) -> AsyncIterator[int]:
    """The real `worker.py`, by its process id; killed afterwards."""
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CLOSURE_", "TEMPORAL_"))
        },
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "TEMPORAL_ADDRESS": installation.client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": installation.client.namespace,
        "CLOSURE_DATABASE_URL": installation.database.url.render_as_string(hide_password=False),
        "CLOSURE_POLICY_DIR": str(PROJECT / "policies"),
        "CLOSURE_TASK_QUEUE": installation.task_queue,
        "CLOSURE_LOG_FORMAT": "json",
        "CLOSURE_SIGNING_KEY_FILE": str(installation.signing_key_file),
        "CLOSURE_ANCHOR_FILE": str(installation.anchor_file),
        "CLOSURE_ERASURES_FILE": str(installation.erasures_file),
    }
    with worker_log(installation).open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(PROJECT / "worker.py"), env=environment, stdout=output, stderr=output
        )
    try:
        yield process.pid
    finally:
        process.kill()
        await process.wait()


def memory(process: int, figure: str) -> int:
    """Bytes that the process has (`VmRSS`), or has had at most (`VmHWM`)."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    (line,) = (each for each in status.splitlines() if each.startswith(figure))
    return int(line.split()[1]) * 1024


async def resting_memory(installation: TestInstallation, process: int) -> int:
    """Bytes that the worker has once it polls, before there is anything to do."""

    async def said() -> str:
        return worker_log(installation).read_text(encoding="utf-8")

    await eventually(said, lambda text: "worker is polling" in text, "a worker that polls")
    return memory(process, "VmRSS")


def worker_log(installation: TestInstallation) -> Path:
    return installation.database_file.with_suffix(".log")


async def open_account(installation: TestInstallation, provider: str, number: int) -> AccountDriver:
    many = things(number)
    if provider == "twilio":
        return await twilio_account(installation, **many)
    return await installation.account(**many)


async def close_to_the_end(closing: AccountDriver, patience: timedelta) -> None:
    acknowledgements = WORDS if closing.provider == "twilio" else ()
    document = await closing.close(acknowledgements=acknowledgements)
    if document.stage is Stage.BLOCKED:
        assert len(document.checklist) <= 200
        document = await closing.renounce(all=True)
    assert document.stage is Stage.READY
    await closing.confirm()
    stopped = Stage.RETAINED
    if closing.provider != "twilio":
        stopped = Stage.SILENT
        await eventually(
            lambda: closing.rows_left(tables.resources), lambda left: left == 0, "released", within=patience
        )
        await closing.fast_forward(closing.policy.entering_duration + BEYOND)
    reached = await closing.until(stopped, within=patience)
    ends = reached.silent_until if stopped is Stage.SILENT else reached.delete_after
    assert ends is not None
    await closing.fast_forward_to(ends + BEYOND)
    await closing.until(Stage.DELETED, within=patience)


async def measured(
    installations: InstallationBuilder, provider: str, number: int, patience: timedelta
) -> tuple[int, int]:
    """Bytes that the worker took at most beyond what it has at rest, and events of the history."""
    async with (
        installations.open(with_worker=False) as installation,
        worker_process(installation) as worker,
    ):
        resting = await resting_memory(installation, worker)
        closing = await open_account(installation, provider, number)
        began = time.monotonic()
        await close_to_the_end(closing, patience)
        seconds = time.monotonic() - began
        taken = memory(worker, "VmHWM") - resting
        events = len((await closing.history()).events)
        logger.warning(
            "%s, %d resources and stores: %.0f s, %.0f MiB beyond %.0f at rest, %d events",
            *(provider, number, seconds, taken / MEBIBYTE, resting / MEBIBYTE, events),
        )
        record = await installation.records.last(closing.account_id)
        assert record is not None
        assert record.state.outcome is Outcome.DELETED
        return taken, events


@pytest.mark.parametrize("provider", ["alibaba-cloud", "twilio"])
async def test_an_account_of_two_thousand_things_closes_in_few_events(
    installations: InstallationBuilder, provider: str
) -> None:
    _, events = await measured(installations, provider, 2_000, timedelta(minutes=3))
    assert events < 200


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("provider", ["alibaba-cloud", "twilio"])
async def test_an_account_of_very_many_things_closes_in_little_memory_and_few_events(
    installations: InstallationBuilder, provider: str
) -> None:
    """As models in hand they would take about a kilobyte each, several times over."""
    taken, events = await measured(installations, provider, VERY_MANY, timedelta(minutes=50))
    assert events < 2_000
    assert taken < 128 * MEBIBYTE


async def test_a_check_of_more_than_a_local_activity_should_see_goes_on_as_a_normal_one(
    installations: InstallationBuilder,
) -> None:
    """The act is carried out by the other; nothing refuses it."""
    async with installations.open() as installation:
        closing = await open_account(installation, "alibaba-cloud", THINGS_AT_ONCE // 2 + 1)
        await closing.close()
        await closing.renounce(all=True)
        assert (await closing.confirm()).stage is Stage.ENTERING
        scheduled = {
            event.activity_task_scheduled_event_attributes.activity_type.name
            for event in (await closing.history()).events
        }
        assert {"open_closure", "confirm"} <= scheduled
        assert "renounce" not in scheduled
