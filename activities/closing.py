"""The last acts on an account: ties to third parties, contacts, credentials and the account (A25)."""

from datetime import UTC, datetime, timedelta
from typing import Final

from activities.erasure import ground_of, retained_stores
from activities.gone import unless_gone
from activities.held import HELD_FOR, HeldClosure, MustWait, Writing
from closure.events import BindingsDeleted
from closure.findings import Change
from closure.steps import Step
from closure.transitions import deleted
from closure.waiting import WaitingReason
from connectors.ports import AccessControl, MustRetain
from records.steps import OpenedStep, find_step

SOON: Final = timedelta(hours=1)
"""An account that still must stay although its time is over isn't asked about more often than that."""


class CloseAccount:
    """Beyond it there is nobody to ask: "there is no such account" is done."""

    def __init__(self, access: AccessControl) -> None:
        self._access = access

    async def delete_bindings(self, closure: HeldClosure) -> None:
        """Deletes the ties to third parties. Raises `MustWait` when a hold forbids it or a brake is on."""
        await closure.effect(
            Step.BINDINGS,
            lambda opened: unless_gone(
                self._access.delete_bindings(closure.account_id, key=closure.key("bindings")), 0
            ),
            _count,
        )

    async def is_under_way(self, closure: HeldClosure) -> bool:
        """Whether the account's end was begun: nothing may be asked of the account any more."""
        step = await closure.read(lambda each: find_step(each, closure.closure_id, Step.CLOSE))
        return step is not None

    async def close(self, closure: HeldClosure) -> None:
        """The cleanup role, then contacts, credentials, the account; the record forgets the person with it.

        Raises:
            MustWait: a hold forbids it, a brake is on, or the law makes the provider keep the account.
        """
        await self.delete_bindings(closure)
        opened = await closure.open_step(Step.CLOSE)
        if not opened.is_closed:
            await closure.require_no_hold()
            # Gone: an earlier attempt has closed it and its answer was lost, or somebody else was quicker.
            try:
                await unless_gone(self._close(closure, opened), None)
            except MustRetain as kept:
                raise _must_wait(kept, closure.now) from kept
            await closure.note_erasure()
            await closure.close_step(Step.CLOSE, lambda writing: writing.apply(deleted(writing.state)))
            await closure.overwrite_journal()

    async def _close(self, closure: HeldClosure, opened: OpenedStep) -> None:
        role = closure.policy.service_role
        if role is not None:
            await self._access.delete_service_role(closure.account_id, role, key=closure.key("close/role"))
        await self._access.close(
            closure.account_id,
            key=closure.key("close"),
            time=opened.opened_at,
            retained_stores=await retained_stores(closure),
        )


def _must_wait(kept: MustRetain, now: datetime) -> MustWait:
    """Asked again when the time is over, and once a day: the law, or what is known of it, may change."""
    rest = HELD_FOR if kept.until is None else kept.until - now
    until = "until further notice" if kept.until is None else f"until {kept.until.astimezone(UTC):%Y-%m-%d}"
    return MustWait(WaitingReason.MUST_RETAIN, min(max(rest, SOON), HELD_FOR), f"{ground_of(kept)}, {until}")


def _count(writing: Writing, number: int) -> None:
    writing.apply(Change(writing.state, BindingsDeleted(deleted=number)))
