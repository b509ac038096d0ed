"""The port for platforms that can read many accounts at a time. Who has none is asked account by account."""

from collections.abc import Sequence
from typing import Annotated, Final, Protocol

from closure.accounts import (
    DATA_STORES,
    AccountProfile,
    BillingStatement,
    DataStore,
    Inventory,
    Relationship,
)
from closure.model import WireModel
from closure.refunds import Payment

READ_TOGETHER: Final = 100
"""So many accounts are asked for at most."""


class AccountReading(WireModel):
    """What the other ports say of one account. None: ask the port that has it."""

    profile: AccountProfile
    statement: BillingStatement | None = None
    inventory: Inventory | None = None
    relationships: tuple[Relationship, ...] | None = None
    stores: Annotated[Sequence[DataStore], DATA_STORES] | None = None
    held: bool | None = None
    payments: tuple[Payment, ...] | None = None


class AccountReader(Protocol):
    """What the other ports say of one account, of many at a time. For the system check alone."""

    async def read(self, account_ids: Sequence[str], *, with_payments: bool) -> tuple[AccountReading, ...]:
        """What there is of the accounts, each at most once, in any order; payments only where wanted.

        An account that is left out, and whatever is None of one, is asked through its own port: so one that
        is unknown, that can't be read, or that has very many things holds up no other. What stands in the
        answer is whole, as in the port's own. Raising is leaving out all of them.
        """
        ...
