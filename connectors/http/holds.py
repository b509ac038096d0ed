"""Legal holds."""

from connectors.http import operations
from connectors.http.asked import OfAccount
from connectors.http.calling.caller import Caller


class HttpLegalHolds:
    """Implements `connectors.ports.LegalHolds`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def is_held(self, account_id: str) -> bool:
        return (await self._caller.ask(operations.IS_HELD, OfAccount(account_id=account_id))).held
