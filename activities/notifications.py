"""Telling the account's owners how it went, by e-mail and text message (A24)."""

from temporalio import activity

from activities.plans import pinned_policy
from activities.requests import Notice
from closure.accounts import Channel
from closure.notices import render
from connectors.ports import Messages, OutgoingMessage
from records.closures import ClosureRecords


class NotificationActivities:
    """Renders the pinned policy's texts; addresses are the connector's business."""

    def __init__(self, messages: Messages, records: ClosureRecords) -> None:
        self._messages = messages
        self._records = records

    @activity.defn
    async def notify(self, notice: Notice) -> int:
        """Sends the notice once per channel and recipient; returns the number of messages."""
        policy = await pinned_policy(self._records, notice.closure_id)
        sent = 0
        for channel in Channel:
            sent += await self._messages.send(
                OutgoingMessage(
                    key=f"{notice.key}/{channel.value}",
                    account_id=notice.account_id,
                    channel=channel,
                    template=notice.template,
                    bodies=render(
                        policy,
                        notice.template,
                        channel,
                        account_id=notice.account_id,
                        closure_id=notice.closure_id,
                        reason=notice.reason,
                        unrecoverable=notice.unrecoverable,
                        **notice.values,
                    ),
                    roles=() if notice.to_everyone else policy.eligibility.roles,
                    time=notice.time,
                )
            )
        return sent
