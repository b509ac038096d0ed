"""Who may use an account, what forbids its end, and its end."""

from datetime import datetime
from typing import Protocol

from closure.accounts import Access
from closure.model import Instant, WireModel


class StoppedAccounts(WireModel):
    """What one stop has stopped: the account and `subaccounts`, at the moment `at` (the first call's)."""

    at: Instant
    subaccounts: tuple[str, ...] = ()


class AccessControl(Protocol):
    """Who may do what with the account, and its end."""

    async def stop(
        self, account_id: str, *, access: Access, key: str, time: datetime, spared: tuple[str, ...] = ()
    ) -> StoppedAccounts:
        """Stops the account and all that it owns but `spared` in one step: all or nothing (A18, A20, T4).

        API keys are disabled and sessions ended; `access` is what is left. A subaccount that is created,
        moved in or moved out at the same time is either stopped too or refused. What another closure has
        stopped before stays as it is and is not among the result; `spared` are what another is about to stop.
        Another key on a stopped account changes nothing and returns the time of the first stop.

        Raises:
            Refused: `ACCOUNT_CLOSED`.
        """
        ...

    async def reopen(self, account_id: str, *, key: str, time: datetime) -> None:
        """What the account's `stop` stopped works again. Ended sessions stay ended.

        What a closure of its own stopped stays stopped.

        Raises:
            Refused: `ACCOUNT_CLOSED`.
        """
        ...

    async def create_service_role(self, account_id: str, role: str, *, key: str) -> None:
        """The role that cleans up (A19); one that is there already stays."""
        ...

    async def delete_service_role(self, account_id: str, role: str, *, key: str) -> None:
        """The role goes; one that isn't there is gone already."""
        ...

    async def delete_bindings(self, account_id: str, *, key: str) -> int:
        """Deletes bindings to third parties; returns how many this key deleted."""
        ...

    async def close(
        self, account_id: str, *, key: str, time: datetime, retained_stores: tuple[str, ...] = ()
    ) -> None:
        """The last act: bills, contact details, users and credentials go; the account is closed for good.

        Message bodies sent to the account are blanked. The law keeps the data stores of `retained_stores`.
        Nothing is asked of `Messages` afterwards.

        Raises:
            MustRetain: the account itself must stay for now, whole: the closure waits, says why, and comes
                again with the same key.
        """
        ...


class LegalHolds(Protocol):
    """What a court or an authority forbids to destroy."""

    async def is_held(self, account_id: str) -> bool:
        """Whether the account, or one that owns it, is under legal hold now.

        Read directly before each effect that destroys. An answer that isn't known has to raise.
        """
        ...
