"""What happens to an account elsewhere: usage, payments, and what its customer handles."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import JsonValue

from closure.money import Money
from commandline.commands import Purpose, starter_command
from commandline.next_step import command
from commandline.options import Account, AsJson, free_text, identifier
from commandline.platform.group import Thing, app, run_on_platform
from commandline.platform_rendering import with_next
from commandline.terminal import Answer, BadInput
from database import Database


class RefundAnswer(StrEnum):
    """What the payment provider can be made to answer."""

    SETTLED = "settled"
    PARTIAL = "partial"
    FAILED = "failed"


def _handled(account: str, thing: str, result: str, *, changed: bool = True) -> Answer:
    """The answer of an act by which the customer handles something elsewhere."""
    document: JsonValue = {"account_id": account, "id": thing, "result": result, "changed": changed}
    said = f"{thing} of account {account} is {result}."
    if not changed:
        said = f"{thing} of account {account} is {result} already; nothing was changed."
    again = f"If a closure waits for this, let it look again: {command('recheck', account)}"
    return Answer(document, with_next(said, again))


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

    run_on_platform(act, as_json=as_json)


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

    run_on_platform(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform pay ali-100 b-1")
def pay(account: Account, bill: Thing, as_json: AsJson = False) -> None:
    """The customer pays a bill.

    The account's cash stays as it is.
    """

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import pay_bill

        return _handled(account, bill, "paid", changed=await pay_bill(database, account, bill))

    run_on_platform(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform settle ali-100 cn-1")
def settle(account: Account, credit_note: Thing, as_json: AsJson = False) -> None:
    """A credit note is settled."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import settle_credit_note

        changed = await settle_credit_note(database, account, credit_note)
        return _handled(account, credit_note, "settled", changed=changed)

    run_on_platform(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform transfer ali-100 example.com")
def transfer(account: Account, domain: Thing, as_json: AsJson = False) -> None:
    """The customer transfers a domain elsewhere."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import transfer_domain

        await transfer_domain(database, account, domain)
        return _handled(account, domain, "transferred")

    run_on_platform(act, as_json=as_json)


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

    run_on_platform(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform unlink ali-100 r-1", name="unlink")
def end_relationship(account: Account, relationship: Thing, as_json: AsJson = False) -> None:
    """A relationship to other accounts ends."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import unlink

        await unlink(database, account, relationship)
        return _handled(account, relationship, "unlinked")

    run_on_platform(act, as_json=as_json)


@starter_command(app, Purpose.TRY, "platform release ali-100 i-1")
def release(account: Account, resource: Thing, as_json: AsJson = False) -> None:
    """The customer releases a resource or ends a subscription."""

    async def act(database: Database) -> Answer:
        from connectors.embedded.elsewhere import release_resource

        await release_resource(database, account, resource)
        return _handled(account, resource, "released")

    run_on_platform(act, as_json=as_json)


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

    run_on_platform(act, as_json=as_json)
