"""Many accounts at a time, where the service offers that."""

from collections.abc import Sequence

from closure.accounts import Inventory
from connectors.account_reader import AccountReading
from connectors.http import operations
from connectors.http.answered import AccountRead
from connectors.http.asked import OfAccounts
from connectors.http.calling.caller import Caller
from connectors.http.calling.faults import NotServed


class HttpAccountReader:
    """Implements `connectors.account_reader.AccountReader`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def read(self, account_ids: Sequence[str], *, with_payments: bool) -> tuple[AccountReading, ...]:
        asked = OfAccounts(account_ids=tuple(account_ids), with_payments=with_payments)
        try:
            answer = await self._caller.ask(operations.READ_ACCOUNTS, asked)
        except NotServed:
            return ()
        return tuple(map(_facts, answer.accounts))


def _facts(read: AccountRead) -> AccountReading:
    things = read.inventory
    return AccountReading(
        profile=read.profile,
        statement=read.statement,
        inventory=None if things is None else Inventory(**dict(things)),
        relationships=read.relationships,
        stores=read.stores,
        held=read.held,
        payments=read.payments,
    )
