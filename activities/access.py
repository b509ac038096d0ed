"""Stopping an account, giving it back, and ending it (A18, A19, A22, A23, A25)."""

from temporalio import activity

from activities.requests import AccessStopped, Effect
from closure.policy import Policy
from connectors.ports import AccessControl
from records.closures import ClosureRecords


class AccessActivities:
    """Access, API keys, sessions, the cleanup role, bindings and the account's last breath."""

    def __init__(self, access: AccessControl, records: ClosureRecords) -> None:
        self._access = access
        self._records = records

    @activity.defn
    async def stop_access(self, effect: Effect) -> AccessStopped:
        """Disables access and API keys, ends sessions, and creates the cleanup role."""
        at = await self._access.stop(effect.account_id, key=f"{effect.key}/stop", time=effect.time)
        role = await self._service_role(effect)
        if role is not None:
            await self._access.create_service_role(effect.account_id, role, key=f"{effect.key}/role")
        return AccessStopped(at=at)

    @activity.defn
    async def reopen_access(self, effect: Effect) -> None:
        """Removes the cleanup role, then access and API keys work again."""
        await self._delete_service_role(effect)
        await self._access.reopen(effect.account_id, key=f"{effect.key}/reopen", time=effect.time)

    @activity.defn
    async def delete_bindings(self, effect: Effect) -> int:
        """Deletes the ties to third parties (A25); returns how many."""
        return await self._access.delete_bindings(effect.account_id, key=effect.key)

    @activity.defn
    async def close_account(self, effect: Effect) -> None:
        """The last step: the cleanup role, then contacts, credentials and the account itself."""
        await self._delete_service_role(effect)
        await self._access.close(effect.account_id, key=f"{effect.key}/close", time=effect.time)

    async def _service_role(self, effect: Effect) -> str | None:
        snapshot = await self._records.policy_snapshot(effect.closure_id)
        return Policy.model_validate_json(snapshot).service_role

    async def _delete_service_role(self, effect: Effect) -> None:
        role = await self._service_role(effect)
        if role is not None:
            await self._access.delete_service_role(effect.account_id, role, key=f"{effect.key}/role")
