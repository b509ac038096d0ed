"""What a court or the law forbids to destroy."""

from typing import Annotated

import typer
from pydantic import JsonValue

from commandline.commands import Purpose, starter_command
from commandline.next_step import command
from commandline.options import Account, AsJson, free_text, identifier
from commandline.platform.group import app, run_on_platform
from commandline.platform_rendering import with_next
from commandline.terminal import Answer, BadInput
from database import Database

LONGEST_HOLD_REASON = 500


@starter_command(app, Purpose.TRY, 'platform hold ali-100 --reason "court order 7"')
def hold(
    account: Account,
    reason: Annotated[
        str, typer.Option("--reason", metavar="R", help="Why, for the record.", callback=free_text)
    ],
    as_json: AsJson = False,
) -> None:
    """Puts the account, and all it owns, under legal hold.

    Nothing of it may be destroyed then.
    """

    async def act(database: Database) -> Answer:
        from connectors.embedded.holds import hold as put_on_hold

        if not 0 < len(reason.strip()) <= LONGEST_HOLD_REASON:
            raise BadInput(f"--reason must have 1 to {LONGEST_HOLD_REASON} characters")
        await put_on_hold(database, account, reason.strip())
        said = f"Account {account} is under legal hold."
        lift = f"Lift it: {command('platform', 'unhold', account)}"
        return Answer({"account_id": account, "held": True}, with_next(said, lift))

    run_on_platform(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform unhold ali-100")
def unhold(account: Account, as_json: AsJson = False) -> None:
    """Lifts the account's legal hold."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.holds import unhold as lift

        changed = await lift(database, account)
        said = f"Account {account} is under no legal hold" + ("." if changed else "; nothing was changed.")
        again = f"A closure that waits for it looks again in time; now: {command('recheck', account)}"
        document: JsonValue = {"account_id": account, "held": False, "changed": changed}
        return Answer(document, with_next(said, again))

    run_on_platform(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform let-go ali-100 oss-1", name="let-go")
def stop_keeping(
    account: Account,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="A data store; without it the account.", callback=identifier),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The law no longer keeps the account, or a data store of it.

    What an account file says by must_retain is over then.
    """

    async def act(database: Database) -> Answer:
        from connectors.embedded.retention import let_go

        changed = await let_go(database, account, store_id=data)
        what = f"Account {account}" if data is None else f"Data store {data} of account {account}"
        said = f"{what} is kept by no law" + ("." if changed else "; nothing was changed.")
        again = f"A closure that waits for it looks again in time; now: {command('recheck', account)}"
        document: JsonValue = {"account_id": account, "id": data, "must_retain": None, "changed": changed}
        return Answer(document, with_next(said, again))

    run_on_platform(act, as_json=as_json)
