"""Many accounts at a time: one statement for each kind of thing, in one consistent view."""

from collections.abc import Sequence

from sqlalchemy import Connection

from connectors.account_reader import AccountReading
from connectors.embedded.accounts import find_accounts
from connectors.embedded.billing import read_statements
from connectors.embedded.data_stores import read_stores
from connectors.embedded.directory import profile_of, read_relationships
from connectors.embedded.holds import held_among
from connectors.embedded.inventory import read_inventories
from connectors.embedded.refunds import read_payments
from database import Database


class EmbeddedAccountReader:
    """Implements `connectors.account_reader.AccountReader`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, account_ids: Sequence[str], *, with_payments: bool) -> tuple[AccountReading, ...]:
        return await self._database.read(lambda connection: _read(connection, account_ids, with_payments))


def _read(
    connection: Connection, account_ids: Sequence[str], with_payments: bool
) -> tuple[AccountReading, ...]:
    accounts = find_accounts(connection, account_ids)
    names = [*accounts]
    statements = read_statements(connection, accounts)
    inventories = read_inventories(connection, names)
    relationships = read_relationships(connection, names)
    stores = read_stores(connection, names)
    held = held_among(connection, accounts)
    payments = read_payments(connection, accounts) if with_payments else {}
    return tuple(
        AccountReading(
            profile=profile_of(account),
            statement=statements[name],
            inventory=inventories[name],
            relationships=relationships[name],
            stores=stores[name],
            held=name in held,
            payments=payments.get(name),
        )
        for name, account in accounts.items()
    )
