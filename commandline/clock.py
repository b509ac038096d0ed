"""Moves a closure's own clock, on the local server only."""

from datetime import timedelta
from typing import Annotated

import typer

from closure.duration import parse_duration
from closure.errors import RefusalType, Refused
from commandline.connection import connect, local_server_of
from commandline.delivery import no_worker
from commandline.installation import open_installation
from commandline.options import Account, AsJson
from commandline.standing import read_standing
from commandline.terminal import Answer, Unreachable, execute
from deploy.fast_forward import Arrival, NotSupported, Overtaken, fast_forward

app = typer.Typer()


def _duration(text: str) -> timedelta:
    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if duration <= timedelta():
        raise typer.BadParameter("must be longer than zero: a clock only moves on")
    return duration


@app.command(name="fast-forward")
def move_on(
    account: Account,
    duration: Annotated[
        timedelta, typer.Argument(metavar="DURATION", help="30s, 6m (minutes), 2h or 10d.", parser=_duration)
    ],
    as_json: AsJson = False,
) -> None:
    """Moves the closure's own clock; for the server that `make up` started, never for a real one."""
    execute(lambda: _move_on(account, duration), as_json=as_json)


async def _move_on(account: str, duration: timedelta) -> Answer:
    async with open_installation() as installation:
        client = await connect()
        standing = await read_standing(client, installation.records, account)
        if local_server_of(client) is None:
            raise Refused(
                RefusalType.FAST_FORWARD_REFUSED,
                "only the local server that `make up` started has clocks that can be moved",
            )
        try:
            arrival = await fast_forward(client, standing.document.workflow_id, duration)
        except (NotSupported, Overtaken) as error:
            raise Refused(RefusalType.FAST_FORWARD_REFUSED, str(error)) from error
        if arrival is Arrival.NO_WORKER:
            raise Unreachable(no_worker("the closure's clock stands still"))
        return (await read_standing(client, installation.records, account)).answer()
