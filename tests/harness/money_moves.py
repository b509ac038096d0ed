"""Money that moves in an account while it is closing, as late usage and late payments do."""

from datetime import UTC, datetime
from uuid import uuid4

from closure.money import Money
from connectors.embedded import tables
from connectors.embedded.ledger import LedgerAccount, Movement, MovementReason, post, provider_account
from connectors.embedded.tables import LedgerKind
from tests.harness.account_driver import AccountDriver


async def use(account: AccountDriver, minor: int) -> None:
    """Usage takes this much of the account's cash, which may become a debt."""
    await _move(account, minor, LedgerKind.CASH, LedgerKind.REVENUE, MovementReason.USAGE)


async def arrives(account: AccountDriver, minor: int) -> None:
    """A payment of the customer's arrives."""
    await _move(account, minor, LedgerKind.EXTERNAL_PAYMENTS, LedgerKind.CASH, MovementReason.PAYMENT)
    await account.insert(
        tables.payments, id=f"late-{uuid4().hex[:6]}", amount=minor, paid_at=datetime.now(UTC)
    )


async def _move(
    account: AccountDriver, minor: int, source: LedgerKind, target: LedgerKind, reason: MovementReason
) -> None:
    (row,) = await account.rows(tables.accounts)
    currency = str(row["currency"])

    def place(kind: LedgerKind) -> LedgerAccount:
        if kind is LedgerKind.CASH:
            return LedgerAccount(account.account_id, kind, currency)
        return provider_account(kind, currency)

    # A subaccount has no workflow to ask for its clock.
    movement = Movement(
        debit=place(source),
        credit=place(target),
        amount=Money(minor=minor, currency=currency),
        reason=reason,
        reference=uuid4().hex,
        time=datetime.now(UTC),
    )
    await account.installation.database.write(lambda connection: post(connection, [movement]))
