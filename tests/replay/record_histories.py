"""Records a history of every shape anew: ``python -m tests.replay.record_histories [SHAPE...]``.

Run it by hand when the workflow code runs otherwise than before. Histories of a release are kept for as long
as its closures may be running: move them into a folder of that release's name first.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from temporalio.client import Client, WorkflowHistory

from connectors.policy_files import load_policies
from keys.data_converter import build_data_converter
from local import server_config
from local.temporal_server import start_local_server, stop_local_server
from tests.harness.account_driver import AccountDriver
from tests.harness.around import AroundActivities
from tests.harness.databases import prepare_template
from tests.harness.fakes.platform import Weather
from tests.harness.hurry import with_worker_interceptors
from tests.harness.installation import InstallationBuilder
from tests.replay.recorded import HISTORIES, anonymous_json
from tests.replay.shapes import SHAPES, Shape, open_account

PROJECT = Path(__file__).resolve().parents[2]
POLICIES = load_policies(PROJECT / "policies")
EVENTS_PER_RUN = 60


async def record_all(folder: Path, names: Sequence[str] = ()) -> None:
    """All shapes, or only those named; the other histories stay then."""
    HISTORIES.mkdir(exist_ok=True)
    shapes = [shape for shape in SHAPES if not names or shape.name in names]
    unknown = set(names) - {shape.name for shape in shapes}
    if unknown:
        raise SystemExit(f"no shape is named {', '.join(sorted(unknown))}")
    for old in HISTORIES.glob("*.json"):
        if not names or old.stem.partition("-run-")[0] in names:
            old.unlink()
    template = await prepare_template(folder / "template.db")
    for is_continued in (False, True):
        if is_continued:
            setting = "limit.historyCount.suggestContinueAsNew"
            server_config.DYNAMIC_CONFIG[setting] = EVENTS_PER_RUN  # type: ignore[assignment]
        data = folder / f"server-{is_continued}"
        server = await start_local_server(data)
        try:
            client = await Client.connect(server.address, data_converter=build_data_converter())
            installations = InstallationBuilder(client, POLICIES, template, folder)
            for shape in shapes:
                if shape.is_continued is is_continued:
                    await record(installations, client, shape)
        finally:
            await asyncio.to_thread(stop_local_server, data)


async def record(installations: InstallationBuilder, client: Client, shape: Shape) -> None:
    weather = Weather()
    async with installations.open(
        client=with_worker_interceptors(client, AroundActivities(shape.around_activities)),
        platforms=weather.over,
        policies={name: shape.policy(policy) for name, policy in POLICIES.items()},
    ) as installation:
        closing = await open_account(installation, shape)
        await shape.drive(closing, weather)
        histories = await runs(closing)
    for number, history in enumerate(histories, start=1):
        name = f"{shape.name}-run-{number}" if shape.is_continued else shape.name
        text = anonymous_json(history, installation.queue)
        (HISTORIES / f"{name}.json").write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}: {len(history.events)} events\n")


async def runs(closing: AccountDriver) -> list[WorkflowHistory]:
    """The histories of all runs of the closure, oldest first."""
    found: list[WorkflowHistory] = []
    run_id: str | None = (
        await closing.handle.describe()
    ).raw_description.workflow_execution_info.first_run_id
    while run_id:
        handle = closing.installation.client.get_workflow_handle(closing.workflow_id, run_id=run_id)
        found.append(await handle.fetch_history())
        continued = found[-1].events[-1].workflow_execution_continued_as_new_event_attributes
        run_id = continued.new_execution_run_id or None
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="closure-histories-") as temporary:
        asyncio.run(record_all(Path(temporary), sys.argv[1:]))
    sys.stdout.flush()
    # The SDK's threads may abort a process that ends normally.
    os._exit(0)
