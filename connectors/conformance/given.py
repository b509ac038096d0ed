"""Accounts that are there already, each tried by the rules that it fits."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from closure.accounts import Access
from closure.errors import Refused
from connectors.conformance.rule import GONE
from connectors.conformance.subject import AccountWanted, ConformanceSubject, NotOffered, OpenedAccount
from connectors.ports import Platform


class GivenAccounts(ConformanceSubject):
    """Hands out the same accounts again and again, as long as they have what a rule wants.

    Args:
        platform: of the accounts; closed with this.
        account_ids: with nothing in them that anybody needs, unless all that is tried is reads.
    """

    def __init__(self, platform: Platform, account_ids: Sequence[str]) -> None:
        self.platform = platform
        self._account_ids = account_ids

    async def open_account(self, wanted: AccountWanted) -> OpenedAccount:
        if wanted.password:
            raise NotOffered("no user's password is known")
        missing = "no account is left"
        for account_id in self._account_ids:
            opened = await self._opened(account_id)
            if opened is None:
                continue
            lacks = [each async for each in self._lacks(opened, wanted)]
            if not lacks:
                return opened
            missing = f"needs an account with {lacks[0]}"
        raise NotOffered(missing)

    async def _opened(self, account_id: str) -> OpenedAccount | None:
        """The account, open again where a rule has left it stopped; None for one that has met its end."""
        directory, access = self.platform.directory, self.platform.access
        try:
            profile = await directory.profile(account_id)
            if profile.access is Access.CLOSED:
                return None
            owned = await directory.subaccounts(account_id)
            if profile.access is not Access.OPEN:
                key = f"conformance-{uuid4().hex}"
                await access.reopen(account_id, key=key, time=datetime.now(UTC))
        except Refused as refused:
            if refused.type not in GONE:
                raise
            return None
        return OpenedAccount(account_id=account_id, subaccounts=owned)

    async def _lacks(self, opened: OpenedAccount, wanted: AccountWanted) -> AsyncIterator[str]:
        account_id = opened.account_id
        statement = await self.platform.billing.statement(account_id)
        if wanted.cash > 0 and statement.cash.minor < wanted.cash:
            yield f"{wanted.cash} minor units of cash"
        if wanted.cash < 0 and statement.cash.minor > wanted.cash:
            yield f"{-wanted.cash} minor units of debt"
        if statement.promo.minor < wanted.promo:
            yield f"{wanted.promo} minor units of promotional balance"
        if wanted.payments:
            payments = await self.platform.refunds.payments(account_id)
            if sum(1 for each in payments if each.refundable.minor) < wanted.payments:
                yield f"{wanted.payments} payments that can go back"
        if wanted.resources or wanted.subscriptions:
            found = await self.platform.inventory.inventory(account_id)
            if len(found.resources) < wanted.resources:
                yield f"{wanted.resources} resources"
            if len(found.subscriptions) < wanted.subscriptions:
                yield f"{wanted.subscriptions} subscriptions"
        if wanted.stores:
            stores = await self.platform.data_stores.stores(account_id)
            if sum(1 for each in stores if each.objects) < wanted.stores:
                yield f"{wanted.stores} data stores with objects"
        if len(opened.subaccounts) < wanted.subaccounts:
            yield f"{wanted.subaccounts} subaccounts"
