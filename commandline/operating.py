"""What operators do: let an interrupted closure go on, and stop everything irrevocable."""

from enum import StrEnum
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.console import RenderableType
from rich.table import Table

from client.brakes import LONGEST_REASON, Brakes, BrakeTarget
from commandline.commands import Purpose, starter_command
from commandline.countdown import spoken_time
from commandline.installation import Connected, Installation, on_closures, on_record
from commandline.options import AsJson, free_text, identifier
from commandline.standing import answer_of, shown
from commandline.terminal import Answer, execute, plain
from records.brakes import Brake

app = typer.Typer()


class Turn(StrEnum):
    """Which way the brake is turned."""

    ON = "on"
    OFF = "off"


@starter_command(app, Purpose.OPERATE, "resume closure-0f3c", "resume closure-0f3c --replace")
def resume(
    context: typer.Context,
    closure: Annotated[str, typer.Argument(metavar="CLOSURE", help="Closure id.", callback=identifier)],
    replace: Annotated[
        bool, typer.Option("--replace", help="Also a closure that runs: its run is stuck, and is ended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Lets an interrupted closure go on.

    A new run takes it up from the record, with its deadlines as they were.
    """

    async def act(there: Connected) -> Answer:
        return answer_of(shown(there, await there.closures.resume(closure, replace=replace)))

    execute(on_closures(context, act), as_json=as_json)


@starter_command(
    app,
    Purpose.OPERATE,
    'brake on --reason "the billing feed is wrong"',
    'brake off --reason "the billing feed is repaired"',
)
def brake(
    context: typer.Context,
    turn: Annotated[
        Turn | None, typer.Argument(metavar="[on|off]", help="Without, shows which are on.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="R", help="Why, for the record.", callback=free_text)
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider", metavar="P", help="For this provider's closures only.", callback=identifier
        ),
    ] = None,
    closure: Annotated[
        str | None,
        typer.Option("--closure", metavar="ID", help="For this closure only.", callback=identifier),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Stops everything irrevocable, or shows which brakes are on.

    While it is on, closures wait, deadlines stay, and restoring goes on.
    """
    if provider is not None and closure is not None:
        raise typer.BadParameter("give --provider or --closure, or neither for the whole installation")
    if turn is None and (reason, provider, closure) != (None, None, None):
        raise typer.BadParameter("say whether the brake goes on or off")
    if turn is not None and not 0 < len((reason or "").strip()) <= LONGEST_REASON:
        raise typer.BadParameter(f"--reason is needed, of 1 to {LONGEST_REASON} characters")

    async def act(installation: Installation) -> Answer:
        providers = {policy.provider for policy in installation.policies.values()} if provider else set()
        brakes = Brakes(installation.record, providers)
        if turn is None or reason is None:
            return _answer(await brakes.on(), changed=False)
        changed = await _turn(brakes, turn, _target(provider, closure), reason.strip())
        return _answer(await brakes.on(), changed=changed)

    execute(on_record(context, act), as_json=as_json)


async def _turn(brakes: Brakes, turn: Turn, target: BrakeTarget, reason: str) -> bool:
    """Whether that changed anything."""
    match turn:
        case Turn.ON:
            return await brakes.put_on(target, reason)
        case Turn.OFF:
            return await brakes.lift(target, reason)


def _target(provider: str | None, closure: str | None) -> BrakeTarget:
    if provider is not None:
        return BrakeTarget.of_provider(provider)
    return BrakeTarget() if closure is None else BrakeTarget.of_closure(closure)


def _answer(on: tuple[Brake, ...], *, changed: bool) -> Answer:
    brakes: list[JsonValue] = [
        each.model_dump(mode="json", include={"scope", "target", "reason", "set_at"}) for each in on
    ]
    return Answer({"brakes": brakes, "changed": changed}, _text(on))


def _text(on: tuple[Brake, ...]) -> RenderableType:
    if not on:
        return "No brake is on. A closure that waited for one looks again within the hour, or at a recheck."
    table = Table(box=None, pad_edge=False)
    for name in ("brake on", "since", "reason"):
        table.add_column(name, overflow="fold")
    for each in on:
        named = f"{each.scope.value} {each.target}" if each.target else f"the whole {each.scope.value}"
        table.add_row(*(plain(text) for text in (named, spoken_time(each.set_at), each.reason)))
    return table
