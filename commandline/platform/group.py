"""The group of the platform's commands, and what they have in common."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from commandline.database import platform_database
from commandline.options import identifier
from commandline.terminal import Answer, execute
from database import Database

app = typer.Typer()
Thing = Annotated[str, typer.Argument(callback=identifier)]


def run_on_platform(
    act: Callable[[Database], Awaitable[Answer]], *, as_json: bool, set_up: bool = False
) -> None:
    """Answers with what `act` does in the platform's database; `set_up` gives an empty one its tables."""

    async def on_platform() -> Answer:
        async with platform_database(set_up=set_up) as database:
            return await act(database)

    execute(on_platform, as_json=as_json)
