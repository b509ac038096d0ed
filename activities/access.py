"""Stopping an account with all it owns, giving it back, and ending it (A18, A19, A22, A23, A25, T3, T4)."""

from temporalio import activity

from activities.holds import refuse_held
from activities.plans import confirmed_plan, pinned_policy
from activities.requests import AccessStopped, Effect
from connectors.ports import AccessControl, LegalHolds
from records.closures import ClosureRecords


class AccessActivities:
    """Access, API keys, sessions, the cleanup role, bindings and the account's last breath."""

    def __init__(self, access: AccessControl, holds: LegalHolds, records: ClosureRecords) -> None:
        self._access = access
        self._holds = holds
        self._records = records

    @activity.defn
    async def stop_access(self, effect: Effect) -> AccessStopped:
        """Disables access and API keys of the account and all it owns, and creates the cleanup role."""
        policy = await pinned_policy(self._records, effect.closure_id)
        stopped = await self._access.stop(
            effect.account_id,
            access=policy.access_while_closing,
            key=f"{effect.key}/stop",
            time=effect.time,
        )
        role = policy.service_role
        if role is not None:
            await self._access.create_service_role(effect.account_id, role, key=f"{effect.key}/role")
        plan = await confirmed_plan(self._records, effect)
        planned = {each.account_id for each in plan.subaccounts}
        return AccessStopped(
            at=stopped.at,
            subaccounts=stopped.subaccounts,
            as_planned=planned == set(stopped.subaccounts),
        )

    @activity.defn
    async def reopen_access(self, effect: Effect) -> None:
        """Removes the cleanup role, then access and API keys work again."""
        await self._delete_service_role(effect)
        await self._access.reopen(effect.account_id, key=f"{effect.key}/reopen", time=effect.time)

    @activity.defn
    async def delete_bindings(self, effect: Effect) -> int:
        """Deletes the ties to third parties (A25); returns how many.

        Raises:
            Refused: `LEGAL_HOLD`.
        """
        await refuse_held(self._holds, effect.account_id)
        return await self._access.delete_bindings(effect.account_id, key=effect.key)

    @activity.defn
    async def close_account(self, effect: Effect) -> None:
        """The last step: the cleanup role, then contacts, credentials and the account itself.

        Raises:
            Refused: `LEGAL_HOLD`.
        """
        await refuse_held(self._holds, effect.account_id)
        await self._delete_service_role(effect)
        await self._access.close(
            effect.account_id,
            key=f"{effect.key}/close",
            time=effect.time,
            retained_stores=effect.retained_stores,
        )

    async def _delete_service_role(self, effect: Effect) -> None:
        role = (await pinned_policy(self._records, effect.closure_id)).service_role
        if role is not None:
            await self._access.delete_service_role(effect.account_id, role, key=f"{effect.key}/role")
