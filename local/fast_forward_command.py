"""Moves a closure's own clock, on a local installation and its server only."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from closure.duration import parse_duration
from closure.errors import RefusalType, Refused
from commandline.commands import Purpose, starter_command
from commandline.installation import Connected, on_closures
from commandline.options import Account, AsJson
from commandline.standing import answer_of, standing_of
from commandline.terminal import Answer, Unreachable, execute
from local.fast_forward import Arrival, NotSupported, Overtaken, fast_forward
from temporal.connection import local_server_of

app = typer.Typer()

LONGEST = timedelta(days=3650)
_TOO_LONG = f"is too long: at most {LONGEST.days}d"


def _duration(text: str) -> timedelta:
    try:
        duration = parse_duration(text)
    except ValueError as error:
        is_long = re.fullmatch(r"[0-9]{7,}[smhd]", text) is not None
        raise typer.BadParameter(_TOO_LONG if is_long else str(error)) from error
    if duration > LONGEST:
        raise typer.BadParameter(_TOO_LONG)
    if duration <= timedelta():
        raise typer.BadParameter("must be longer than zero: a clock only moves on")
    return duration


@starter_command(app, Purpose.TRY, "fast-forward ali-100 6m", name="fast-forward")
def move_on(
    context: typer.Context,
    account: Account,
    duration: Annotated[
        timedelta, typer.Argument(metavar="DURATION", help="30s, 6m (minutes), 2h or 10d.", parser=_duration)
    ],
    as_json: AsJson = False,
) -> None:
    """Moves a closure's own clock, where `make up` started it."""
    execute(on_closures(context, lambda there: _move_on(there, account, duration)), as_json=as_json)


async def _move_on(there: Connected, account: str, duration: timedelta) -> Answer:
    document = await standing_of(there, account)
    _require_local(there)
    try:
        arrival = await fast_forward(there.temporal, document.workflow_id, duration)
    except (NotSupported, Overtaken) as error:
        raise Refused(RefusalType.FAST_FORWARD_REFUSED, str(error)) from error
    if arrival is Arrival.NO_WORKER:
        raise Unreachable(
            "the closure's clock stands still: no worker answers; start one with `make up` or "
            "`python worker.py`"
        )
    return answer_of(await standing_of(there, account))


def _require_local(there: Connected) -> None:
    """Passes where a skipped clock is believed.

    Raises:
        Refused: `FAST_FORWARD_REFUSED`.
    """
    if local_server_of(there.temporal) is None:
        raise Refused(
            RefusalType.FAST_FORWARD_REFUSED,
            "only the local server that `make up` started has clocks that can be moved",
        )
    if not there.installation.record.installation.believes_skipped_clocks:
        raise Refused(
            RefusalType.FAST_FORWARD_REFUSED,
            "this is a production installation: its closures go by the database's clock, whatever is skipped",
        )
