"""Deletion: what the account owns, its data, then the account (A19, A22, A24, A25, T5)."""

from datetime import timedelta
from typing import Final

from activities.closing import CloseAccount
from activities.dues import Dues
from activities.erasure import Erasure
from activities.gone import unless_gone
from activities.held import HeldClosure, MustWait
from activities.messages import CustomerMessages
from activities.refunds import RefundLooks
from activities.subaccounts import Subaccounts
from closure.events import EventType
from closure.waiting import WaitingReason
from keys.certificate_links import MailedLinks
from records.reading import read_events

LOOK_AGAIN: Final = timedelta(hours=1)
"""When a subaccount that is held up is tried again."""
_UNDER_WAY: Final = frozenset(
    {WaitingReason.REFUND, WaitingReason.REFUND_METERING, WaitingReason.REFUND_UNREADABLE}
)
"""A refund has not arrived, as far as anybody knows; one that has failed holds up its owner only."""


class Deletion:
    """Complete only when the refund has arrived and every subaccount is gone, too (T5, T10)."""

    def __init__(
        self,
        subaccounts: Subaccounts,
        erasure: Erasure,
        refunds: RefundLooks,
        dues: Dues,
        close_account: CloseAccount,
        messages: CustomerMessages,
        mailed_links: MailedLinks | None,
    ) -> None:
        self._subaccounts = subaccounts
        self._erasure = erasure
        self._refunds = refunds
        self._dues = dues
        self._close_account = close_account
        self._messages = messages
        self._mailed_links = mailed_links

    async def delete(self, closure: HeldClosure) -> None:
        """Goes on as far as it can, each time from the money on: it may have moved.

        Raises:
            MustWait: a hold, a brake, the refund, a source or a subaccount holds it up.
        """
        wait: MustWait | None = None
        is_closing = await self._close_account.is_under_way(closure)
        others = await self._subaccounts.join(closure)
        if not is_closing:
            wait = await self._refunds.look(closure)
            refunds = (await closure.plan()).refund_applies
            await self._dues.hand_over(closure, refunds=refunds)
        is_under_way = wait is not None and wait.reason in _UNDER_WAY
        held_up = (
            await self._subaccounts.delete(closure, money_is_under_way=is_under_way)
            if closure.state.subaccounts
            else 0
        )
        plan = await closure.plan()
        await self._erasure.erase(closure, plan.erasures)
        left = closure.state.subaccounts + others
        if held_up + others or (left and not is_under_way):
            raise MustWait(WaitingReason.SUBACCOUNTS, LOOK_AGAIN, f"{left} of them")
        if wait is not None:
            raise wait
        await self._close_account.delete_bindings(closure)
        if not is_closing:
            await unless_gone(self._tell(closure), None)
        await self._close_account.close(closure)

    async def _tell(self, closure: HeldClosure) -> None:
        """Before the account and its addresses go; the certificate that is linked to comes after."""
        url = await self._certificate_url(closure)
        await self._messages.tell_deleted(closure, url)

    async def _certificate_url(self, closure: HeldClosure) -> str | None:
        """The same at each attempt: it holds from when the account's last ties went, by the record."""
        if self._mailed_links is None:
            return None
        events = await closure.read(lambda each: read_events(each, closure.closure_id))
        untied_at = max(each.time for each in events if each.event is EventType.BINDINGS_DELETED)
        return self._mailed_links.url(closure.closure_id, untied_at)
