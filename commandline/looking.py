"""What can be looked up: a plan beforehand, where a closure stands, all closures, the audit."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from temporalio.client import Client, WorkflowExecution

from closure.lifecycle import Mode, Stage
from closure.messages import StatusDocument
from closure.model import WireModel
from commandline.connection import connect
from commandline.countdown import spoken_time
from commandline.database import read_settings
from commandline.installation import open_installation
from commandline.opening import CLOSURE_ID_MEMO
from commandline.options import Account, AsJson, ClosureId, ClosureMode, PolicyName, StageFilter, identifier
from commandline.planning import dry_run
from commandline.rendering import STORY
from commandline.standing import Standing, read_standing
from commandline.terminal import Answer, console, execute, plain
from records.closures import ClosureRecords
from workflows.search_attributes import (
    CLOSURE_ACCOUNT,
    CLOSURE_DEADLINE,
    CLOSURE_OUTCOME,
    CLOSURE_PROVIDER,
    CLOSURE_STAGE,
)

app = typer.Typer()

_WATCH_SECONDS = 1.0


@app.command()
def plan(
    account: Account, policy: PolicyName = None, mode: ClosureMode = Mode.DELETE, as_json: AsJson = False
) -> None:
    """Dry run: what a closure would find, release, forfeit, refund and delete, and when. Changes nothing."""

    async def act() -> Answer:
        async with open_installation() as installation:
            return await dry_run(installation, account, policy, mode)

    execute(act, as_json=as_json)


@app.command()
def status(account: Account, closure: ClosureId = None, as_json: AsJson = False) -> None:
    """The current or last closure; from the record when Temporal has forgotten it."""

    async def act() -> Answer:
        async with open_installation() as installation:
            return (await read_standing(await connect(), installation.records, account, closure)).answer()

    execute(act, as_json=as_json)


@app.command()
def watch(account: Account, as_json: AsJson = False) -> None:
    """Follows the closure live, with a countdown, until its outcome."""

    async def act() -> Answer:
        async with open_installation() as installation:
            return await _watch(await connect(), installation.records, account, quiet=as_json)

    execute(act, as_json=as_json)


async def _watch(client: Client, records: ClosureRecords, account: str, *, quiet: bool) -> Answer:
    standing = await read_standing(client, records, account)
    output = console()
    if output.is_terminal and not quiet:
        with Live(standing.text(), console=output, auto_refresh=False, transient=True) as live:
            while standing.document.outcome is None:
                await asyncio.sleep(_WATCH_SECONDS)
                standing = await read_standing(client, records, account)
                live.update(standing.text(), refresh=True)
        return standing.answer()
    said = ""
    while True:
        line = _progress_line(standing)
        if line != said and not quiet:
            output.print(plain(line), soft_wrap=True)
            output.file.flush()
            said = line
        if standing.document.outcome is not None:
            return standing.answer()
        await asyncio.sleep(_WATCH_SECONDS)
        standing = await read_standing(client, records, account)


def _progress_line(standing: Standing) -> str:
    """What is said again only when it changes: the stage and what blocks, not every second that passes."""
    document = standing.document
    blocking = sum(item.blocks for item in document.checklist)
    parts = [f"{document.account_id}: {STORY[document.stage]}"]
    if standing.progress:
        parts.append(standing.progress)
    if document.stage is Stage.BLOCKED:
        parts.append(f"{blocking} item(s) left")
    until = document.silent_until if document.stage is Stage.SILENT else None
    until = document.delete_after if document.stage is Stage.RETAINED else until
    if until is not None:
        parts.append(f"until {spoken_time(until)}")
    return ", ".join(parts)


class ListedClosure(WireModel):
    """One line of `list`; times are RFC 3339 UTC, absent things null."""

    closure_id: str | None
    account_id: str
    provider: str
    stage: str
    outcome: str | None = None
    deadline: str | None = None
    opened_at: str | None = None
    workflow_id: str
    run_id: str


@app.command(name="list")
def list_closures(
    stage: StageFilter = None,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="P", help="Only this provider's.", callback=identifier)
    ] = None,
    from_record: Annotated[
        bool, typer.Option("--record", help="From SQL, also those that Temporal has forgotten.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Closures, those opened last first; from Temporal's visibility, or from the record."""

    async def act() -> Answer:
        if from_record:
            async with open_installation() as installation:
                recorded = await installation.records.listing(stage, provider)
            found = [
                _listed_from_record(each.document, each.opened_at.isoformat().replace("+00:00", "Z"))
                for each in recorded
            ]
        else:
            read_settings()
            found = await _visible(await connect(), stage, provider)
        return Answer({"closures": [each.model_dump(mode="json") for each in found]}, _listing_text(found))

    execute(act, as_json=as_json)


async def _visible(client: Client, stage: Stage | None, provider: str | None) -> list[ListedClosure]:
    """SQLite's visibility can't sort by search attributes, so that is done here; filtering it can."""
    conditions = ["WorkflowType = 'AccountClosure'"]
    if stage is not None:
        conditions.append(f"{CLOSURE_STAGE.name} = '{stage.value}'")
    if provider is not None:
        quoted = provider.replace("\\", "\\\\").replace("'", "\\'")
        conditions.append(f"{CLOSURE_PROVIDER.name} = '{quoted}'")
    runs = [run async for run in client.list_workflows(" AND ".join(conditions))]
    # A run that went on as a new one is the same closure.
    latest = [run for run in runs if run.status is None or run.status.name != "CONTINUED_AS_NEW"]
    latest.sort(key=lambda run: run.start_time, reverse=True)
    return [await _listed(run) for run in latest]


async def _listed(run: WorkflowExecution) -> ListedClosure:
    attributes = run.typed_search_attributes
    deadline = attributes.get(CLOSURE_DEADLINE)
    memo = await run.memo()
    return ListedClosure(
        closure_id=memo.get(CLOSURE_ID_MEMO),
        account_id=attributes.get(CLOSURE_ACCOUNT) or "",
        provider=attributes.get(CLOSURE_PROVIDER) or "",
        stage=attributes.get(CLOSURE_STAGE) or Stage.OPENED.value,
        outcome=attributes.get(CLOSURE_OUTCOME),
        deadline=deadline.isoformat().replace("+00:00", "Z") if deadline else None,
        opened_at=run.start_time.isoformat().replace("+00:00", "Z"),
        workflow_id=run.id,
        run_id=run.run_id,
    )


def _listed_from_record(document: StatusDocument, opened_at: str) -> ListedClosure:
    return ListedClosure(
        closure_id=document.closure_id,
        account_id=document.account_id,
        provider=document.provider,
        stage=document.stage.value,
        outcome=document.outcome.value if document.outcome else None,
        opened_at=opened_at,
        workflow_id=document.workflow_id,
        run_id=document.run_id,
    )


def _listing_text(found: Iterable[ListedClosure]) -> RenderableType:
    closures = tuple(found)
    if not closures:
        return "No closures."
    table = Table(box=None, pad_edge=False)
    for name in ("account", "provider", "stage", "opened", "closure"):
        table.add_column(name, overflow="fold", no_wrap=name in ("stage", "closure"))
    for each in closures:
        opened = (each.opened_at or "")[:19].replace("T", " ")
        row = (each.account_id, each.provider, each.stage, opened, each.closure_id or "")
        table.add_row(*(plain(text) for text in row))
    by_stage: dict[str, int] = {}
    for each in closures:
        by_stage[each.stage] = by_stage.get(each.stage, 0) + 1
    counted = ", ".join(f"{count} {stage}" for stage, count in sorted(by_stage.items()))
    return Group(table, plain(f"\n{len(closures)} closure(s): {counted}"))
