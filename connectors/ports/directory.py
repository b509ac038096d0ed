"""Accounts, their users and how they hang together."""

from typing import Protocol

from closure.accounts import AccountProfile, Relationship


class Directory(Protocol):
    """Accounts, their users and how they hang together."""

    async def profile(self, account_id: str) -> AccountProfile:
        """What the account is. `access` is how it stands now: after `AccessControl.stop` no longer `open`."""
        ...

    async def role_of(self, account_id: str, user_id: str) -> str | None:
        """The user's role in the account now; None when the user isn't there."""
        ...

    async def person_of(self, account_id: str, user_id: str) -> str | None:
        """An opaque name of the person behind the user, the same for all users of one sign-in everywhere.

        None when the user isn't there.
        """
        ...

    async def accounts_of(self, name: str) -> tuple[str, ...]:
        """Ids of the accounts that have a user with this login or e-mail address, for support to find them.

        Empty for a name that nobody has (any more).
        """
        ...

    async def verify_password(self, account_id: str, user_id: str, password: str) -> bool:
        """Whether it is the user's password (T8). As slow for an unknown user, who is no error."""
        ...

    async def verify_totp(self, account_id: str, user_id: str, code: str) -> bool:
        """Whether it is the current code of the user's authenticator app; each code is good once."""
        ...

    async def subaccounts(self, account_id: str) -> tuple[str, ...]:
        """Ids of what this account owns, directly or through others, but for what is closed for good.

        Each once, none of them this account.
        """
        ...

    async def relationships(self, account_id: str) -> tuple[Relationship, ...]:
        """All ties to accounts that it doesn't own."""
        ...
