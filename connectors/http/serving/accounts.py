"""Many accounts at a time; whatever has more of something than a page holds is left to be asked for alone."""

from collections.abc import Sequence

from closure.accounts import Inventory
from connectors.account_reader import AccountReader, AccountReading
from connectors.http.answered import AccountRead, AccountsRead
from connectors.http.asked import LARGEST_PAGE, OfAccounts


async def read_accounts(reader: AccountReader | None, asked: OfAccounts) -> AccountsRead:
    """Nobody, where the platform can't."""
    if reader is None:
        return AccountsRead(accounts=())
    found = await reader.read(asked.account_ids, with_payments=asked.with_payments)
    return AccountsRead(accounts=tuple(map(_read, found)))


def _read(facts: AccountReading) -> AccountRead:
    inventory, stores = facts.inventory, facts.stores
    return AccountRead.model_validate(
        {
            "profile": facts.profile,
            "statement": facts.statement,
            "inventory": dict(inventory) if inventory is not None and _fits(*_lists(inventory)) else None,
            "relationships": facts.relationships,
            "stores": stores if stores is not None and _fits(stores) else None,
            "held": facts.held,
            "payments": facts.payments,
        }
    )


def _lists(inventory: Inventory) -> tuple[Sequence[object], ...]:
    return inventory.resources, inventory.subscriptions, inventory.domains, inventory.icp_filings


def _fits(*lists: Sequence[object]) -> bool:
    return sum(map(len, lists)) <= LARGEST_PAGE
