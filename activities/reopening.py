"""Giving an account back: access and API keys work again, the cleanup role is gone (A23)."""

from datetime import datetime

from activities.held import HeldClosure
from connectors.ports import AccessControl


class Reopening:
    """By one key for each closure: it happens once, and nothing is given back that something else took."""

    def __init__(self, access: AccessControl) -> None:
        self._access = access

    async def reopen(self, closure: HeldClosure, time: datetime) -> None:
        """What the account's stop stopped works again; `time` is the closure's clock, UTC."""
        role = closure.policy.service_role
        if role is not None:
            await self._access.delete_service_role(closure.account_id, role, key=closure.key("restore/role"))
        await self._access.reopen(closure.account_id, key=closure.key("restore/reopen"), time=time)

    async def reopen_found_stopped(self, closure: HeldClosure) -> None:
        """For a closure that ends without a confirm: an account that had stopped before is not left so."""
        if closure.state.found_stopped:
            await self.reopen(closure, closure.now)
