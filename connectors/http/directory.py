"""Accounts, users and how accounts hang together."""

from closure.accounts import AccountProfile, Relationship
from connectors.http import operations
from connectors.http.asked import CodeCheck, OfAccount, OfName, OfUser, PasswordCheck
from connectors.http.calling.caller import Caller


class HttpDirectory:
    """Implements `connectors.ports.Directory`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def profile(self, account_id: str) -> AccountProfile:
        return await self._caller.ask(operations.PROFILE, OfAccount(account_id=account_id))

    async def role_of(self, account_id: str, user_id: str) -> str | None:
        asked = OfUser(account_id=account_id, user_id=user_id)
        return (await self._caller.ask(operations.ROLE_OF, asked)).role

    async def person_of(self, account_id: str, user_id: str) -> str | None:
        asked = OfUser(account_id=account_id, user_id=user_id)
        return (await self._caller.ask(operations.PERSON_OF, asked)).person

    async def accounts_of(self, name: str) -> tuple[str, ...]:
        return (await self._caller.ask(operations.ACCOUNTS_OF, OfName(name=name))).account_ids

    async def verify_password(self, account_id: str, user_id: str, password: str) -> bool:
        asked = PasswordCheck(account_id=account_id, user_id=user_id, password=password)
        return (await self._caller.ask(operations.VERIFY_PASSWORD, asked)).matches

    async def verify_totp(self, account_id: str, user_id: str, code: str) -> bool:
        asked = CodeCheck(account_id=account_id, user_id=user_id, code=code)
        return (await self._caller.ask(operations.VERIFY_TOTP, asked)).matches

    async def subaccounts(self, account_id: str) -> tuple[str, ...]:
        return (await self._caller.ask(operations.SUBACCOUNTS, OfAccount(account_id=account_id))).account_ids

    async def relationships(self, account_id: str) -> tuple[Relationship, ...]:
        asked = OfAccount(account_id=account_id)
        return (await self._caller.ask(operations.RELATIONSHIPS, asked)).relationships
