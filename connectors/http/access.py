"""Who may do what with an account, and its end."""

from datetime import datetime

from closure.accounts import Access
from connectors.http import operations
from connectors.http.asked import Close, OfAccount, OfServiceRole, Reopen, Stop
from connectors.http.calling.caller import Caller
from connectors.ports import StoppedAccounts


class HttpAccessControl:
    """Implements `connectors.ports.AccessControl`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def stop(
        self, account_id: str, *, access: Access, key: str, time: datetime, spared: tuple[str, ...] = ()
    ) -> StoppedAccounts:
        asked = Stop(account_id=account_id, access=access, time=time, spared=spared)
        return await self._caller.ask(operations.STOP, asked, key=key)

    async def reopen(self, account_id: str, *, key: str, time: datetime) -> None:
        await self._caller.ask(operations.REOPEN, Reopen(account_id=account_id, time=time), key=key)

    async def create_service_role(self, account_id: str, role: str, *, key: str) -> None:
        asked = OfServiceRole(account_id=account_id, role=role)
        await self._caller.ask(operations.CREATE_SERVICE_ROLE, asked, key=key)

    async def delete_service_role(self, account_id: str, role: str, *, key: str) -> None:
        asked = OfServiceRole(account_id=account_id, role=role)
        await self._caller.ask(operations.DELETE_SERVICE_ROLE, asked, key=key)

    async def delete_bindings(self, account_id: str, *, key: str) -> int:
        asked = OfAccount(account_id=account_id)
        return (await self._caller.ask(operations.DELETE_BINDINGS, asked, key=key)).bindings

    async def close(
        self, account_id: str, *, key: str, time: datetime, retained_stores: tuple[str, ...] = ()
    ) -> None:
        asked = Close(account_id=account_id, time=time, retained_stores=retained_stores)
        await self._caller.ask(operations.CLOSE, asked, key=key)
