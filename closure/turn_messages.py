"""Which message goes with a turn that the audit tells of, for those who look up what a customer was told."""

from collections.abc import Mapping
from typing import Final

from closure.events import EventType
from closure.policy import MessageTemplate

MESSAGE_OF: Final[Mapping[EventType, MessageTemplate]] = {
    EventType.CHECK_STARTED: MessageTemplate.CLOSURE_OPENED,
    EventType.CONFIRMED: MessageTemplate.CLOSURE_CONFIRMED,
    EventType.REMINDED: MessageTemplate.CLOSURE_REMINDER,
    EventType.COOL_OFF_STOPPED: MessageTemplate.CONFIRM_AGAIN,
    EventType.SILENCE_BEGAN: MessageTemplate.SILENCE_BEGAN,
    EventType.REFUND_STARTED: MessageTemplate.REFUND_STARTED,
    EventType.REFUND_CHANGED: MessageTemplate.REFUND_STARTED,
    EventType.REFUND_PARTLY_SETTLED: MessageTemplate.REFUND_PARTLY_SETTLED,
    EventType.REFUND_SETTLED: MessageTemplate.REFUND_SETTLED,
    EventType.REFUND_FAILED: MessageTemplate.REFUND_FAILED,
    EventType.REFUND_LATE: MessageTemplate.REFUND_LATE,
    EventType.RETENTION_BEGAN: MessageTemplate.ACCOUNT_CLOSED,
    EventType.DELETED: MessageTemplate.CLOSURE_DELETED,
    EventType.RESTORED: MessageTemplate.CLOSURE_RESTORED,
    EventType.DORMANT: MessageTemplate.ACCOUNT_DORMANT,
    EventType.EXPIRED: MessageTemplate.CLOSURE_EXPIRED,
    EventType.WITHDRAWN: MessageTemplate.CLOSURE_WITHDRAWN,
}
ONCE: Final = frozenset({EventType.CHECK_STARTED})
"""Turns that come again and are told the first time only."""
