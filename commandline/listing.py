"""All closures, for triage: from the record, or as Temporal's visibility shows them."""

from datetime import datetime
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.console import Group, RenderableType
from rich.text import Text
from temporalio.client import Client

from client.listing import ListedClosure, listed, visible_closures
from closure.lifecycle import Outcome, Stage
from closure.stage_texts import DEADLINES
from commandline.commands import Purpose, starter_command
from commandline.countdown import spoken_time
from commandline.installation import Installation, on_record, on_server
from commandline.layout import fitting, whole
from commandline.next_step import command
from commandline.options import AsJson, identifier, instant, whole_number
from commandline.rendering import refund_text, stage_style, waiting_text
from commandline.terminal import Answer, execute, plain
from records.listing import PAGE, ClosureFilter, ClosureLists

app = typer.Typer()

LONGEST_PAGE = 10_000


@starter_command(
    app,
    Purpose.LOOK,
    "list --stage blocked --blocked-by unpaid-bills",
    "list --ends-before 2026-12-01 --count",
    "list --user owner@example.com",
    name="list",
)
def list_closures(
    context: typer.Context,
    stage: Annotated[
        Stage | None, typer.Option("--stage", metavar="S", help=f"In this stage: {', '.join(Stage)}.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="P", help="This provider's.", callback=identifier)
    ] = None,
    outcome: Annotated[
        Outcome | None, typer.Option("--outcome", metavar="O", help=f"That ended so: {', '.join(Outcome)}.")
    ] = None,
    blocked_by: Annotated[
        str | None,
        typer.Option("--blocked-by", metavar="CHECK", help="That this check blocks.", callback=identifier),
    ] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="That wait for a hold, a brake, billing, a refund, staff.")
    ] = False,
    late: Annotated[bool, typer.Option("--late", help="Whose refund should have arrived.")] = False,
    overdue: Annotated[bool, typer.Option("--overdue", help="Open past their deadline.")] = False,
    interrupted: Annotated[bool, typer.Option("--interrupted", help="That no workflow carries on.")] = False,
    opened_after: Annotated[
        datetime | None,
        typer.Option("--opened-after", metavar="T", help="Opened then or later.", parser=instant),
    ] = None,
    opened_before: Annotated[
        datetime | None, typer.Option("--opened-before", metavar="T", help="Opened before.", parser=instant)
    ] = None,
    ends_before: Annotated[
        datetime | None,
        typer.Option("--ends-before", metavar="T", help="Whose deadline is before.", parser=instant),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user", metavar="LOGIN|EMAIL", help="Of accounts that this person uses.", callback=identifier
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", metavar="N", help=f"At most so many, up to {LONGEST_PAGE}.", parser=whole_number
        ),
    ] = PAGE,
    cursor: Annotated[
        int | None,
        typer.Option("--cursor", metavar="C", help="Where the page before ended.", parser=whole_number),
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="Only how many, by stage.")] = False,
    temporal: Annotated[
        bool, typer.Option("--temporal", help="As Temporal's visibility shows them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Closures, those opened last first.

    Each option narrows the list, and all that are given must be met.

    T is a time such as 2026-12-01 or 2026-12-01T08:00:00Z. A closure's deadline is the next moment at which
    something happens by itself.
    """
    if limit > LONGEST_PAGE:
        raise typer.BadParameter(f"--limit is at most {LONGEST_PAGE}")
    wanted = ClosureFilter(
        stage=stage,
        provider=provider,
        outcome=outcome,
        blocked_by=blocked_by,
        waiting=waiting,
        late=late,
        overdue=overdue,
        interrupted=interrupted,
        opened_after=opened_after,
        opened_before=opened_before,
        ends_before=ends_before,
    )
    visible = wanted.model_copy(update={"stage": None, "provider": None, "outcome": None})
    if temporal and (visible != ClosureFilter() or user is not None or cursor is not None or count):
        raise typer.BadParameter(
            "--temporal goes with --stage, --provider, --outcome and --limit only: the record knows the rest"
        )

    async def from_temporal(server: Client) -> Answer:
        found = await visible_closures(server, stage=stage, provider=provider, outcome=outcome, limit=limit)
        return _answer(found, None)

    async def from_record(installation: Installation) -> Answer:
        lists, narrowed = ClosureLists(installation.record), wanted
        if user is not None:
            account_ids = await installation.platform.directory.accounts_of(user)
            narrowed = wanted.model_copy(update={"account_ids": account_ids})
        if count:
            return _counted(dict(await lists.count(narrowed)))
        page = await lists.page(narrowed, limit=limit, after=cursor)
        return _answer([listed(each) for each in page.closures], page.next)

    action = on_server(from_temporal) if temporal else on_record(context, from_record)
    execute(action, as_json=as_json)


def _counted(stages: dict[str, int]) -> Answer:
    total = sum(stages.values())
    rows: list[RenderableType] = [
        Text.assemble(f"{number:>9}  ", plain(stage, style=stage_style(stage)))
        for stage, number in stages.items()
    ]
    document: dict[str, JsonValue] = {"count": total, "stages": {**stages}}
    return Answer(document, Group(*rows, plain(f"{total:>9}  in all")))


def _answer(found: list[ListedClosure], next_page: int | None) -> Answer:
    document: dict[str, JsonValue] = {
        "closures": [each.model_dump(mode="json") for each in found],
        "next_cursor": None if next_page is None else str(next_page),
    }
    if not found:
        return Answer(document, "No closures.")
    rest = "" if next_page is None else f"; more with the same options and --cursor {next_page}"
    counted = f"{len(found)} closure" if len(found) == 1 else f"{len(found)} closures"
    look = f"One of them: {command('status', found[0].closure_id or found[0].account_id)}"
    return Answer(document, Group(*(_text(each) for each in found), plain(f"\n{counted}{rest}"), whole(look)))


def _text(closure: ListedClosure) -> RenderableType:
    """One closure in a few lines: where it stands and since when, its ids whole, and what is the matter."""
    since = closure.since or closure.opened_at
    first = Text.assemble(
        plain(closure.stage, style=stage_style(closure.stage)),
        plain(f" since {spoken_time(since)}" if since else ""),
        *(plain(f"  {flag}", style="bold red") for flag in _flags(closure)),
    )
    names = Text.assemble("  ", plain(closure.account_id, style="bold"), "  ", plain(closure.provider))
    lines: list[RenderableType] = [whole(first), whole(names)]
    if closure.closure_id is not None:
        lines.append(whole(plain(f"  {closure.closure_id}", style="dim")))
    lines += [fitting(each, indent="  ") for each in _matters(closure)]
    return Group(*lines)


def _flags(closure: ListedClosure) -> list[str]:
    flags = (
        ("unreadable", closure.unreadable),
        ("interrupted", closure.interrupted),
        ("overdue", closure.overdue),
        ("refund late", closure.late),
    )
    return [name for name, is_set in flags if is_set]


def _matters(closure: ListedClosure) -> list[str]:
    matters = []
    if closure.deadline is not None:
        what = DEADLINES[closure.deadline_what] if closure.deadline_what else "the next turn"
        matters.append(f"{spoken_time(closure.deadline)}: {what}")
    if closure.waiting_for is not None:
        matters.append(f"waits: {waiting_text(closure.waiting_for)}")
    if closure.blocked_by:
        counts = ", ".join(f"{check} {number}" for check, number in sorted(closure.blocked_by.items()))
        matters.append(f"blocked by {counts}")
    if closure.refund is not None:
        matters.append(f"refund {refund_text(closure.refund)}")
    return matters
