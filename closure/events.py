"""What a closure's audit says: one model for each kind of event.

What may be personal in one is marked `Personal`: the record seals it under the account's key, which deletion
destroys. Personal fields have defaults, since an event outlives them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import JsonValue

from closure.accounts import Channel
from closure.certificate import StoresSum
from closure.lifecycle import Mode
from closure.messages import Becomes
from closure.model import Instant, WireModel
from closure.policy_checks import Inspects
from closure.waiting import WaitingReason


class EventType(StrEnum):
    """What an audit event says."""

    OPENED = "opened"
    CHECK_STARTED = "check_started"
    SURVEYED = "surveyed"
    FOUND_STOPPED = "found_stopped"
    RENOUNCED = "renounced"
    APPROVED = "approved"
    CONFIRMED = "confirmed"
    REMINDED = "reminded"
    COOL_OFF_ENDED = "cool_off_ended"
    COOL_OFF_STOPPED = "cool_off_stopped"
    ACCESS_STOPPED = "access_stopped"
    PLAN_ADAPTED = "plan_adapted"
    APPEARED_LATER = "appeared_later"
    RESOURCES_RELEASED = "resources_released"
    BALANCE_FORFEITED = "balance_forfeited"
    SILENCE_BEGAN = "silence_began"
    FINAL_CHECK_BEGAN = "final_check_began"
    FINAL_CHECK_WAITING = "final_check_waiting"
    FINAL_CHECK_PASSED = "final_check_passed"
    FINAL_CHECK_FAILED = "final_check_failed"
    REFUND_STARTED = "refund_started"
    REFUND_PARTLY_SETTLED = "refund_partly_settled"
    REFUND_SETTLED = "refund_settled"
    REFUND_FAILED = "refund_failed"
    REFUND_LATE = "refund_late"
    REFUND_CHANGED = "refund_changed"
    REFUND_PAID_OTHERWISE = "refund_paid_otherwise"
    DUES_HANDED_OVER = "dues_handed_over"
    RETENTION_BEGAN = "retention_began"
    DELETION_BEGAN = "deletion_began"
    SUBACCOUNTS_HELD_UP = "subaccounts_held_up"
    SUBACCOUNTS_DELETED = "subaccounts_deleted"
    LEGAL_HOLD = "legal_hold"
    LEGAL_HOLD_LIFTED = "legal_hold_lifted"
    BRAKED = "braked"
    BRAKE_LIFTED = "brake_lifted"
    DATA_ERASED = "data_erased"
    BINDINGS_DELETED = "bindings_deleted"
    DELETED = "deleted"
    ERASED_AGAIN = "erased_again"
    RESTORED = "restored"
    DORMANT = "dormant"
    WITHDRAWN = "withdrawn"
    TAKEN_ALONG = "taken_along"
    SUBACCOUNTS_JOINED = "subaccounts_joined"
    EXPIRED = "expired"
    MESSAGE_UNDELIVERABLE = "message_undeliverable"
    CANCEL_IGNORED = "cancel_ignored"
    RESUMED = "resumed"


@dataclass(frozen=True)
class _PersonalMark:
    """Marks a field whose content may say something about a person."""


Personal: Final = _PersonalMark()


class Event(WireModel):
    """The base of all events. The actor is not among the fields: the record has a place of its own for it."""

    TYPE: ClassVar[EventType]

    @classmethod
    def personal_fields(cls) -> frozenset[str]:
        """Names of the fields that are sealed."""
        return frozenset(name for name, field in cls.model_fields.items() if Personal in field.metadata)

    def details(self) -> dict[str, JsonValue]:
        """The event's content as it is stored; what is not there is left out."""
        content: dict[str, JsonValue] = self.model_dump(mode="json", exclude_none=True)
        return content


class Opened(Event):
    """The closure's row, repeated so that it can't be exchanged unseen; a subaccount's names its owner."""

    TYPE = EventType.OPENED
    account_id: str
    provider: str
    policy: str
    policy_version: str
    policy_hash: str
    mode: Mode
    opened_by: str | None = None
    """A keyed hash of who opened it; None for what an owner took along."""
    agreement_version: str | None = None
    owner: str | None = None
    owner_closure: str | None = None


class CheckStarted(Event):
    TYPE = EventType.CHECK_STARTED


class Surveyed(Event):
    TYPE = EventType.SURVEYED
    survey: int
    items: int
    blocking: int
    plan_hash: str


class FoundStopped(Event):
    """The account has stopped although no closure holds it, such as after an older record was restored.

    It is reopened if this closure ends without a confirm.
    """

    TYPE = EventType.FOUND_STOPPED


class Renounced(Event):
    """`number` items were given up with this act."""

    TYPE = EventType.RENOUNCED
    number: int
    items: Annotated[tuple[str, ...], Personal] = ()


class Approved(Event):
    TYPE = EventType.APPROVED
    plan_hash: str


class Confirmed(Event):
    TYPE = EventType.CONFIRMED
    plan_hash: str
    reason: Annotated[str, Personal] = ""


class Reminded(Event):
    """Every contact was reminded that the closure can still be stopped, until `irrevocable_from`."""

    TYPE = EventType.REMINDED
    irrevocable_from: Instant


class CoolOffEnded(Event):
    TYPE = EventType.COOL_OFF_ENDED
    plan_hash: str


class CoolOffStopped(Event):
    TYPE = EventType.COOL_OFF_STOPPED
    plan_hash: str
    changes: Annotated[tuple[str, ...], Personal] = ()


class AccessStopped(Event):
    """`subaccounts` stopped with the account."""

    TYPE = EventType.ACCESS_STOPPED
    access_stopped_at: Instant
    subaccounts: int = 0


class PlanAdapted(Event):
    """Something else was there than the confirmed plan had: less, or what the policy includes."""

    TYPE = EventType.PLAN_ADAPTED
    plan_hash: str
    subaccounts: int
    changes: Annotated[tuple[str, ...], Personal] = ()


class AppearedLater(Event):
    """`number` things turned up that nobody has consented to lose, before anything was lost."""

    TYPE = EventType.APPEARED_LATER
    number: int
    appeared: Annotated[tuple[str, ...], Personal] = ()


class ResourcesReleased(Event):
    """How many things are gone, seen by a fresh list; `products` counts both by their product."""

    TYPE = EventType.RESOURCES_RELEASED
    resources: int
    subscriptions: int
    products: Mapping[str, int] = {}


class BalanceForfeited(Event):
    """What was given up or written off, subaccounts' included: decimal amounts of `currency`."""

    TYPE = EventType.BALANCE_FORFEITED
    currency: str
    forfeited_cash: str
    forfeited_promo: str
    voided_debt: str


class SilenceBegan(Event):
    TYPE = EventType.SILENCE_BEGAN
    silent_until: Instant


class FinalCheckBegan(Event):
    TYPE = EventType.FINAL_CHECK_BEGAN


class FinalCheckWaiting(Event):
    TYPE = EventType.FINAL_CHECK_WAITING
    waiting_for: WaitingReason


class FinalCheckPassed(Event):
    TYPE = EventType.FINAL_CHECK_PASSED


class FinalCheckFailed(Event):
    """`number` things are owed."""

    TYPE = EventType.FINAL_CHECK_FAILED
    number: int
    owed: Annotated[tuple[str, ...], Personal] = ()
    appeared: Annotated[tuple[str, ...], Personal] = ()


class RefundEvent(Event):
    """A turn of the refund: decimal amounts of `currency`; `settled` of `amount` has arrived.

    `failed` has no payment to go to; `paid_otherwise` was paid by staff.
    """

    amount: str
    currency: str
    due_by: Instant
    settled: str | None = None
    failed: str | None = None
    paid_otherwise: str | None = None


class RefundStarted(RefundEvent):
    TYPE = EventType.REFUND_STARTED


class RefundPartlySettled(RefundEvent):
    TYPE = EventType.REFUND_PARTLY_SETTLED


class RefundSettled(RefundEvent):
    TYPE = EventType.REFUND_SETTLED


class RefundFailed(RefundEvent):
    TYPE = EventType.REFUND_FAILED


class RefundLate(RefundEvent):
    TYPE = EventType.REFUND_LATE


class RefundChanged(RefundEvent):
    """Less goes back than was expected, since it was used, or more, since it arrived late."""

    TYPE = EventType.REFUND_CHANGED
    amount_before: str


class RefundPaidOtherwise(Event):
    """Staff paid `amount` of the refund past the payments it came from; `reference` is theirs."""

    TYPE = EventType.REFUND_PAID_OTHERWISE
    amount: str
    currency: str
    reference: Annotated[str, Personal] = ""


class HandedDue(WireModel):
    """Money that stays due, without the id of its bill or note."""

    kind: Inspects
    amount: str
    currency: str
    becomes: Becomes


class DuesHandedOver(Event):
    """What the account leaves when it goes: billing has the dues; the last such event is what counts.

    `left_behind` counts, by kind, what nobody looks after any more.
    """

    TYPE = EventType.DUES_HANDED_OVER
    dues: tuple[HandedDue, ...] = ()
    left_behind: Mapping[Inspects, int] = {}
    due_ids: Annotated[tuple[str, ...], Personal] = ()
    things: Annotated[tuple[str, ...], Personal] = ()


class RetentionBegan(Event):
    TYPE = EventType.RETENTION_BEGAN
    delete_after: Instant


class DeletionBegan(Event):
    TYPE = EventType.DELETION_BEGAN


class SubaccountsHeldUp(Event):
    """`count` subaccounts can't be deleted yet; the first of them by id, and why."""

    TYPE = EventType.SUBACCOUNTS_HELD_UP
    count: int
    subaccounts: tuple[str, ...]
    reasons: tuple[str, ...]


class ErasedAgain(Event):
    """The account had been deleted at `deleted_at`, and an older backup had brought it back."""

    TYPE = EventType.ERASED_AGAIN
    deleted_at: Instant


class SubaccountsJoined(Event):
    """`subaccounts` whose own closures had ended otherwise go with the account after all."""

    TYPE = EventType.SUBACCOUNTS_JOINED
    subaccounts: int


class TakenAlong(Event):
    """The closure of the account's owner, which had come first, takes the account along."""

    TYPE = EventType.TAKEN_ALONG
    owner_closure: str


class SubaccountsDeleted(Event):
    TYPE = EventType.SUBACCOUNTS_DELETED
    subaccounts: int


class LegalHoldFound(Event):
    TYPE = EventType.LEGAL_HOLD


class LegalHoldLifted(Event):
    TYPE = EventType.LEGAL_HOLD_LIFTED


class Braked(Event):
    """An operator's brake keeps the closure from going on."""

    TYPE = EventType.BRAKED


class BrakeLifted(Event):
    TYPE = EventType.BRAKE_LIFTED


class StoreEvidence(WireModel):
    """A data store without its id, which a customer may have named after somebody."""

    reference: str
    store: str
    objects: int
    retained_as: str | None = None
    """The policy's retention class of one that is kept."""
    ground: str | None = None
    """Why a store that the policy would erase has to be kept, as the provider's system says."""
    until: Instant | None = None
    """With a `ground`: until when; None for as long as nobody knows."""

    @property
    def is_kept(self) -> bool:
        """Whether the law keeps it, by the policy or by what the provider's system has answered."""
        return self.retained_as is not None or self.ground is not None


class NamedStore(WireModel):
    """A data store by its id, and how many objects were found in it."""

    store_id: str
    store: str
    objects: int


class DataErased(Event):
    """Every erased store was read again and found empty; the retained ones the law keeps.

    Of many stores only the sum is here: the list is in the record.
    """

    TYPE = EventType.DATA_ERASED
    erased_stores: tuple[StoreEvidence, ...] = ()
    retained_stores: tuple[StoreEvidence, ...] = ()
    stores_sum: StoresSum | None = None
    stores: Annotated[tuple[NamedStore, ...], Personal] = ()
    kept: Annotated[tuple[str, ...], Personal] = ()
    """Ids of the retained stores."""


class BindingsDeleted(Event):
    """`deleted` ties to third parties are gone (A25)."""

    TYPE = EventType.BINDINGS_DELETED
    deleted: int


class Deleted(Event):
    TYPE = EventType.DELETED


class Restored(Event):
    TYPE = EventType.RESTORED


class Dormant(Event):
    TYPE = EventType.DORMANT


class Withdrawn(Event):
    TYPE = EventType.WITHDRAWN


class Expired(Event):
    TYPE = EventType.EXPIRED


class MessageUndeliverable(Event):
    """Addresses refused a message for good: whoever they are of was told by the other channel at most.

    `message` is its template, with a number where there can be several; `reason` is the carrier's code.
    """

    TYPE = EventType.MESSAGE_UNDELIVERABLE
    message: str
    channel: Channel
    addresses: int
    reason: str


class CancelIgnored(Event):
    """Somebody asked Temporal to cancel: recorded, changes nothing."""

    TYPE = EventType.CANCEL_IGNORED


class Resumed(Event):
    """Another run went on from the record after the one before had been lost."""

    TYPE = EventType.RESUMED


EVENTS: Final[Mapping[EventType, type[Event]]] = {
    model.TYPE: model
    for model in (
        *(
            Opened,
            CheckStarted,
            Surveyed,
            FoundStopped,
            Renounced,
            Approved,
            Confirmed,
            Reminded,
            CoolOffEnded,
            CoolOffStopped,
        ),
        *(SubaccountsJoined, TakenAlong, ErasedAgain),
        *(AccessStopped, PlanAdapted, AppearedLater, ResourcesReleased, BalanceForfeited, SilenceBegan),
        *(FinalCheckBegan, FinalCheckWaiting, FinalCheckPassed, FinalCheckFailed),
        *(RefundStarted, RefundPartlySettled, RefundSettled, RefundFailed, RefundLate),
        *(RefundChanged, RefundPaidOtherwise, DuesHandedOver),
        *(RetentionBegan, DeletionBegan, SubaccountsHeldUp, SubaccountsDeleted),
        *(LegalHoldFound, LegalHoldLifted, Braked, BrakeLifted, DataErased, BindingsDeleted),
        *(Deleted, Restored, Dormant, Withdrawn, Expired, MessageUndeliverable, CancelIgnored, Resumed),
    )
}
"""The model of every kind of event."""
