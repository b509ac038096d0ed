"""What happens to an account outside of a closure: usage is billed, and its customer handles things."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, Table, delete, insert, select, update

from closure.accounts import Bill, BillStatus, CreditNoteStatus
from closure.errors import RefusalType, Refused
from closure.money import Money
from closure.release_order import caught_in_cycles
from connectors.embedded import tables
from connectors.embedded.account_checks import LARGEST_AMOUNT
from connectors.embedded.account_file import Id
from connectors.embedded.accounts import Account, lock_account
from connectors.embedded.inventory import read_inventory, release, remove
from connectors.embedded.ledger import (
    LedgerAccount,
    Movement,
    MovementReason,
    post,
    provider_account,
    reference,
)
from connectors.embedded.tables import LedgerKind
from database import Database

Result = TypeVar("Result")


class BadCharge(Exception):
    """An amount or product that no bill can have; nothing was changed."""


async def charge(database: Database, account_id: str, amount: str, product: str | None) -> Bill:
    """Late usage becomes an unpaid bill now, as ``late-1``, ``late-2`` and so on.

    What is billed is owed, not moved: the ledger sees it when it is paid.

    Args:
        database: with the platform's tables.
        account_id: whose.
        amount: above zero, as a decimal string in the account's currency.
        product: what was used.

    Raises:
        BadCharge: no such amount in the account's currency, or no such product name.
        Refused: `ACCOUNT_NOT_FOUND` or `ACCOUNT_CLOSED`.
    """
    _require_product(product)

    def work(connection: Connection, account: Account) -> Bill:
        owed = _amount(amount, account.currency)
        row = tables.bills.c
        late = select(row.id).where(row.account_id == account_id, row.id.like("late-%"))
        there = {name for (name,) in connection.execute(late)}
        bill_id = next(name for name in (f"late-{number}" for number in count(1)) if name not in there)
        connection.execute(
            insert(tables.bills).values(
                account_id=account_id,
                id=bill_id,
                amount=owed.minor,
                status=BillStatus.UNPAID,
                product=product,
            )
        )
        return Bill(bill_id=bill_id, amount=owed, status=BillStatus.UNPAID)

    return await _change(database, account_id, work)


async def pay_bill(database: Database, account_id: str, bill_id: str) -> bool:
    """The customer pays the bill, not from the account's cash; False when it was paid already.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`, `ACCOUNT_CLOSED` or `THING_NOT_FOUND`.
    """

    def work(connection: Connection, account: Account) -> bool:
        owed = _owed(connection, tables.bills, account, bill_id, "bill")
        if not _set_status(connection, tables.bills, account_id, bill_id, BillStatus.PAID):
            return False
        currency, now, name = account.currency, datetime.now(UTC), reference(account_id, bill_id)
        cash = LedgerAccount(account_id, LedgerKind.CASH, currency)
        outside = provider_account(LedgerKind.EXTERNAL_PAYMENTS, currency)
        revenue = provider_account(LedgerKind.REVENUE, currency)
        # In and out again: the cash balance is the same afterwards.
        post(
            connection,
            [
                Movement(outside, cash, owed, MovementReason.BILL_PAYMENT, name, now),
                Movement(cash, revenue, owed, MovementReason.BILL_SETTLED, name, now),
            ],
        )
        return True

    return await _change(database, account_id, work)


async def settle_credit_note(database: Database, account_id: str, credit_note_id: str) -> bool:
    """The provider pays the credit note back, not into the account's cash; False when it was settled already.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`, `ACCOUNT_CLOSED` or `THING_NOT_FOUND`.
    """

    def work(connection: Connection, account: Account) -> bool:
        note = tables.credit_notes
        amount = _owed(connection, note, account, credit_note_id, "credit note")
        if not _set_status(connection, note, account_id, credit_note_id, CreditNoteStatus.SETTLED):
            return False
        outside = provider_account(LedgerKind.EXTERNAL_PAYMENTS, account.currency)
        revenue = provider_account(LedgerKind.REVENUE, account.currency)
        name = reference(account_id, credit_note_id)
        reason = MovementReason.CREDIT_NOTE_SETTLED
        post(connection, [Movement(revenue, outside, amount, reason, name, datetime.now(UTC))])
        return True

    return await _change(database, account_id, work)


async def transfer_domain(database: Database, account_id: str, domain: str) -> None:
    """The domain goes to another account or registrar.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`, `ACCOUNT_CLOSED` or `THING_NOT_FOUND`.
    """
    await _give_away(database, tables.domains, account_id, domain, "domain")


async def cancel_filing(database: Database, account_id: str, filing_id: str) -> None:
    """The ICP filing is cancelled; raises as `transfer_domain`."""
    await _give_away(database, tables.icp_filings, account_id, filing_id, "ICP filing")


async def unlink(database: Database, account_id: str, relationship_id: str) -> None:
    """The relationship to other accounts ends; raises as `transfer_domain`."""
    await _give_away(database, tables.relationships, account_id, relationship_id, "relationship")


async def release_resource(database: Database, account_id: str, name: str) -> None:
    """The resource, or else the subscription, of this id goes.

    A circle of resources that depend on each other is untied: its members may go one by one.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`, `ACCOUNT_CLOSED`, `THING_NOT_FOUND`, or `THING_NOT_ALLOWED` while
            another resource depends on it.
    """

    def work(connection: Connection, _: Account) -> None:
        _untie(connection, account_id, name)
        if release(connection, account_id, name):
            return
        if not remove(connection, tables.subscriptions, account_id, name):
            raise _not_found(account_id, "resource or subscription", name)

    await _change(database, account_id, work)


async def move_watermark(database: Database, account_id: str, until: datetime) -> None:
    """All usage before `until` (with an offset) is billed now; it may also move back, as meters fall behind.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND` or `ACCOUNT_CLOSED`.
    """

    def work(connection: Connection, _: Account) -> None:
        connection.execute(
            update(tables.accounts).where(tables.accounts.c.id == account_id).values(usage_final_until=until)
        )

    await _change(database, account_id, work)


async def _change(
    database: Database, account_id: str, work: Callable[[Connection, Account], Result]
) -> Result:
    """One transaction with the account locked and not closed for good."""

    def locked(connection: Connection) -> Result:
        account = lock_account(connection, account_id)
        account.refuse_closed()
        return work(connection, account)

    return await database.write(locked)


def _require_product(product: str | None) -> None:
    if product is not None:
        try:
            TypeAdapter(Id).validate_python(product)
        except ValidationError as error:
            raise BadCharge("a product's name has 1 to 200 characters and no control characters") from error


def _amount(text: str, currency: str) -> Money:
    try:
        amount = Money.parse(text, currency)
    except ValueError as error:
        raise BadCharge(str(error)) from error
    if not 0 < amount.minor <= LARGEST_AMOUNT:
        largest = Money(minor=LARGEST_AMOUNT, currency=currency)
        raise BadCharge(f"{text!r} is not above zero and at most {largest} {currency}")
    return amount


def _owed(connection: Connection, table: Table, account: Account, name: str, what: str) -> Money:
    minor: int | None = connection.scalar(
        select(table.c.amount).where(table.c.account_id == account.account_id, table.c.id == name)
    )
    if minor is None:
        raise _not_found(account.account_id, what, name)
    return Money(minor=minor, currency=account.currency)


def _set_status(
    connection: Connection,
    table: Table,
    account_id: str,
    name: str,
    status: BillStatus | CreditNoteStatus,
) -> bool:
    """False when it was that already."""
    changed = connection.execute(
        update(table)
        .where(table.c.account_id == account_id, table.c.id == name, table.c.status != status)
        .values(status=status)
    )
    return changed.rowcount == 1


async def _give_away(database: Database, table: Table, account_id: str, name: str, what: str) -> None:

    def work(connection: Connection, _: Account) -> None:
        if not remove(connection, table, account_id, name):
            raise _not_found(account_id, what, name)

    await _change(database, account_id, work)


def _untie(connection: Connection, account_id: str, name: str) -> None:
    """Cuts what the other members of a circle need of this one."""
    row = tables.resource_dependencies.c
    needing = select(row.resource_id).where(row.account_id == account_id, row.depends_on == name)
    dependents = {dependent for (dependent,) in connection.execute(needing)}
    if not dependents:
        return
    caught = caught_in_cycles((read_inventory(connection, account_id)).resources)
    if name in caught and dependents <= caught:
        connection.execute(
            delete(tables.resource_dependencies).where(row.account_id == account_id, row.depends_on == name)
        )


def _not_found(account_id: str, what: str, name: str) -> Refused:
    return Refused(
        RefusalType.THING_NOT_FOUND,
        f"account {account_id!r} has no {what} {name!r}",
        facts={"account_id": account_id, "id": name},
    )
