"""Loading and showing accounts, using them, moving them."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from closure.accounts import RequestKind
from commandline.commands import Purpose, starter_command
from commandline.database import read_settings
from commandline.next_step import command
from commandline.options import Account, AsJson, identifier
from commandline.platform.group import app, run_on_platform
from commandline.platform_rendering import account_text, loaded_text, outbox_text, with_next
from commandline.terminal import Answer, BadInput
from database import Database


@starter_command(app, Purpose.TRY, "platform load accounts.yaml")
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Account file, YAML or JSON.")],
    as_json: AsJson = False,
) -> None:
    """Loads the accounts of a file, all or none.

    What is loaded already stays as it is.
    """

    async def act(database: Database) -> Answer:
        from connectors.embedded.account_file import read_account_file
        from connectors.embedded.account_text import AccountFileFault
        from connectors.embedded.loading import load_accounts

        try:
            accounts = read_account_file(file, _languages)
            loaded = await load_accounts(database, accounts, str(file))
        except AccountFileFault as fault:
            raise _bad_file(fault.file, fault.lines) from fault
        document: JsonValue = {
            "accounts": [
                {"id": each.account_id, "provider": each.provider, "result": each.result.value}
                for each in loaded
            ]
        }
        return Answer(document, loaded_text(loaded))

    run_on_platform(act, as_json=as_json, set_up=True)


def _languages() -> frozenset[str]:
    """Those that the policies have messages in. Raises `BadInput` where a policy can't be used."""
    from closure.policy_text import PolicyFault
    from closure.translations import languages_of
    from connectors.policy_files import load_policies

    directory = read_settings().policy_dir
    try:
        return languages_of(load_policies(directory).values())
    except PolicyFault as fault:
        raise BadInput(f"the policies in {directory} can't be used: {fault}; nothing was loaded") from fault


def _bad_file(file: str, lines: tuple[str, ...]) -> BadInput:
    if len(lines) == 1:
        return BadInput(f"{lines[0]}; nothing was loaded")
    return BadInput(f"{file} has {len(lines)} faults; nothing was loaded:", faults=lines)


@starter_command(app, Purpose.TRY, "platform show ali-100")
def show(account: Account, as_json: AsJson = False) -> None:
    """Shows an account as it stands, as in the account file.

    Sessions, service roles and access are shown, too.
    """

    async def act(database: Database) -> Answer:
        from connectors.embedded.exhibit import show_account

        shown = await show_account(database, account)
        return Answer({"accounts": [shown.model_dump(mode="json")]}, account_text(shown))

    run_on_platform(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform request ali-100 --kind sign-in", name="request")
def use(
    account: Account,
    kind: Annotated[RequestKind, typer.Option("--kind", help="How the account is used.")],
    as_json: AsJson = False,
) -> None:
    """Tries to use the account.

    Ends 0 when that works, 1 when the platform refuses.
    """

    async def act(database: Database) -> Answer:
        from connectors.embedded.usage import Scope, request

        served = await request(database, account, kind)
        document: JsonValue = {
            "account_id": account,
            "kind": kind.value,
            "allowed": True,
            "scope": served.scope.value,
        }
        if served.scope is Scope.CLOSURE_STATUS:
            said = f"{kind.value} works for account {account}, but shows the closure's status only."
            return Answer(document, with_next(said, f"See it: {command('status', account)}"))
        said = f"{kind.value} works for account {account}."
        return Answer(document, with_next(said, f"See the account: {command('platform', 'show', account)}"))

    run_on_platform(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform move tw-101 --to tw-200")
def move(
    account: Account,
    owner: Annotated[
        str | None, typer.Option("--to", metavar="OWNER", help="The new owner.", callback=identifier)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Moves a subaccount to another owner, or to none."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.ownership import move_account

        await move_account(database, account, owner)
        said = f"Account {account} belongs to {owner}." if owner else f"Account {account} is on its own."
        return Answer({"account_id": account, "owner": owner}, said)

    run_on_platform(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform outbox ali-100")
def outbox(account: Account, as_json: AsJson = False) -> None:
    """Shows the messages to the users, one-time codes among them."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.exhibit import read_outbox

        messages = await read_outbox(database, account)
        document: JsonValue = {"messages": [message.model_dump(mode="json") for message in messages]}
        return Answer(document, outbox_text(account, messages))

    run_on_platform(act, as_json=as_json)
