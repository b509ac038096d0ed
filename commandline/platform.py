"""The commands of the embedded account platform: load and show accounts, and play the world around them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from closure.accounts import RequestKind
from closure.money import Money
from commandline.commands import Purpose, starter_command
from commandline.database import platform_database, read_settings
from commandline.next_step import command
from commandline.options import Account, AsJson, free_text, identifier
from commandline.platform_rendering import account_text, loaded_text, outbox_text, with_next
from commandline.terminal import Answer, BadInput, execute
from database import Database

app = typer.Typer()


class RefundAnswer(StrEnum):
    """What the payment provider can be made to answer."""

    SETTLED = "settled"
    PARTIAL = "partial"
    FAILED = "failed"


LONGEST_HOLD_REASON = 500
Thing = Annotated[str, typer.Argument(callback=identifier)]


def _run(act: Callable[[Database], Awaitable[Answer]], *, as_json: bool, set_up: bool = False) -> None:
    async def on_platform() -> Answer:
        async with platform_database(set_up=set_up) as database:
            return await act(database)

    execute(on_platform, as_json=as_json)


def _handled(account: str, thing: str, result: str, *, changed: bool = True) -> Answer:
    """The answer of an act by which the customer handles something elsewhere."""
    document: JsonValue = {"account_id": account, "id": thing, "result": result, "changed": changed}
    said = f"{thing} of account {account} is {result}."
    if not changed:
        said = f"{thing} of account {account} is {result} already; nothing was changed."
    again = f"If a closure waits for this, let it look again: {command('recheck', account)}"
    return Answer(document, with_next(said, again))


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

    _run(act, as_json=as_json, set_up=True)


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

    _run(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform charge ali-100 --amount 12.34 --product ecs")
def charge(
    account: Account,
    amount: Annotated[
        str,
        typer.Option("--amount", metavar="12.34", help="In the account's currency.", callback=free_text),
    ],
    product: Annotated[
        str | None, typer.Option("--product", metavar="ecs", help="What was used.", callback=identifier)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Late usage becomes an unpaid bill now."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import BadCharge
        from connectors.embedded.elsewhere import charge as bill_usage

        try:
            bill = await bill_usage(database, account, amount, product)
        except BadCharge as error:
            raise BadInput(f"{error}; nothing was billed") from error
        owed: Money = bill.amount
        document: JsonValue = {
            "account_id": account,
            "bill": {
                "id": bill.bill_id,
                "amount": str(owed),
                "currency": owed.currency,
                "status": bill.status.value,
                "product": product,
            },
        }
        said = f"Account {account} owes {owed} {owed.currency} more: unpaid bill {bill.bill_id}."
        return Answer(
            document, with_next(said, f"Pay it: {command('platform', 'pay', account, bill.bill_id)}")
        )

    _run(act, as_json=as_json)


def _moment(text: str) -> datetime:
    from connectors.embedded.account_file import moment

    try:
        return moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@starter_command(app, Purpose.TRY, "platform meter ali-100 --until 2027-03-01T00:00:00Z")
def meter(
    account: Account,
    until: Annotated[
        datetime,
        typer.Option("--until", metavar="T", help="A time such as 2027-03-01T00:00:00Z.", parser=_moment),
    ],
    as_json: AsJson = False,
) -> None:
    """Moves the metering watermark: usage before it is billed."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import move_watermark

        await move_watermark(database, account, until)
        text = until.isoformat().replace("+00:00", "Z")
        said = f"All usage of account {account} before {text} is billed."
        again = f"A closure in its final check may look again: {command('recheck', account)}"
        return Answer({"account_id": account, "usage_final_until": text}, with_next(said, again))

    _run(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform pay ali-100 b-1")
def pay(account: Account, bill: Thing, as_json: AsJson = False) -> None:
    """The customer pays a bill.

    The account's cash stays as it is.
    """

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import pay_bill

        return _handled(account, bill, "paid", changed=await pay_bill(database, account, bill))

    _run(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform settle ali-100 cn-1")
def settle(account: Account, credit_note: Thing, as_json: AsJson = False) -> None:
    """A credit note is settled."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import settle_credit_note

        changed = await settle_credit_note(database, account, credit_note)
        return _handled(account, credit_note, "settled", changed=changed)

    _run(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform transfer ali-100 example.com")
def transfer(account: Account, domain: Thing, as_json: AsJson = False) -> None:
    """The customer transfers a domain elsewhere."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import transfer_domain

        await transfer_domain(database, account, domain)
        return _handled(account, domain, "transferred")

    _run(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform cancel-filing ali-100 icp-1", name="cancel-filing")
def cancel_icp_filing(
    account: Account,
    icp: Annotated[str, typer.Argument(metavar="ICP", callback=identifier)],
    as_json: AsJson = False,
) -> None:
    """The customer cancels an ICP filing."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import cancel_filing

        await cancel_filing(database, account, icp)
        return _handled(account, icp, "cancelled")

    _run(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform unlink ali-100 r-1", name="unlink")
def end_relationship(account: Account, relationship: Thing, as_json: AsJson = False) -> None:
    """A relationship to other accounts ends."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import unlink

        await unlink(database, account, relationship)
        return _handled(account, relationship, "unlinked")

    _run(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform release ali-100 i-1")
def release(account: Account, resource: Thing, as_json: AsJson = False) -> None:
    """The customer releases a resource or ends a subscription."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import release_resource

        await release_resource(database, account, resource)
        return _handled(account, resource, "released")

    _run(act, as_json=as_json)


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

    _run(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform refund tw-100 partial")
def refund(
    account: Account,
    answer: Annotated[RefundAnswer, typer.Argument(metavar="settled|partial|failed")],
    as_json: AsJson = False,
) -> None:
    """What the payment provider answers about refunds.

    From now on; without it they settle in time.
    """

    async def act(database: Database) -> Answer:
        from connectors.embedded.refunds import play_answer
        from connectors.embedded.tables import RefundAnswer as Played

        await play_answer(database, account, Played(answer.value))
        said = f"The payment provider answers {answer.value} about refunds of account {account}."
        look = f"A closure asks in its own time; now: {command('recheck', account)}"
        return Answer({"account_id": account, "answer": answer.value}, with_next(said, look))

    _run(act, as_json=as_json)


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

    _run(act, as_json=as_json)


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

    _run(act, as_json=as_json)


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

    _run(act, as_json=as_json)


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

    _run(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform outbox ali-100")
def outbox(account: Account, as_json: AsJson = False) -> None:
    """Shows the messages to the users, one-time codes among them."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.exhibit import read_outbox

        messages = await read_outbox(database, account)
        document: JsonValue = {"messages": [message.model_dump(mode="json") for message in messages]}
        return Answer(document, outbox_text(account, messages))

    _run(act, as_json=as_json)
