"""Inputs and results of the activities: one model in, one model out.

Every `key` is an idempotency key made by the workflow; every `time` is the closure's own clock (UTC).
"""

from collections.abc import Mapping

from pydantic import Field, JsonValue

from closure.certificate import store_reference
from closure.messages import ChecklistItem, CloseRequest, ClosureInput, RefundStatus, StatusDocument
from closure.model import Instant, WireModel
from closure.policy import Policy


class Refusal(WireModel):
    """A rule's "no", as a result."""

    type: str
    message: str
    acknowledgements: tuple[str, ...] = ()


class OpenClosure(WireModel):
    closure: ClosureInput
    request: CloseRequest
    workflow_id: str
    run_id: str
    time: Instant


class OpenedClosure(WireModel):
    """The pinned policy and the first public state, or why the closure was refused."""

    document: StatusDocument
    policy: Policy | None = None
    refusal: Refusal | None = None
    recorded: bool = True


class Authorization(WireModel):
    """May this user act on this closure now?"""

    closure_id: str
    account_id: str
    actor: str
    proof_id: str | None = None
    approves: bool = False
    """Whether as the second person, for whom the policy may name other roles."""


class SurveyRequest(WireModel):
    """`previous_plan_hash` names the plan to compare with; `previous_items` carry what was renounced."""

    closure_id: str
    account_id: str
    previous_items: tuple[ChecklistItem, ...] = ()
    previous_plan_hash: str | None = None
    time: Instant


class SurveyResult(WireModel):
    """The checklist and, in numbers, what the plan would do; the plan itself is in the record."""

    items: tuple[ChecklistItem, ...]
    plan_hash: str
    changes: tuple[str, ...] = ()
    releases: int = 0
    writes_off: bool = False
    refunds: bool = False
    needs_approval: bool = False
    unrecoverable: tuple[str, ...] = ()


class SurveyProgress(WireModel):
    """What the running system check has done so far (A14); the activity's heartbeat."""

    done: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    subaccounts_read: int = 0
    subaccounts: int = 0


class Effect(WireModel):
    """One effect on the account. `plan_hash` names the plan that was confirmed."""

    closure_id: str
    account_id: str
    plan_hash: str | None = None
    retained_stores: tuple[str, ...] = ()
    """Ids of the data stores that the account's end leaves where they are."""
    key: str
    time: Instant


class AccessStopped(WireModel):
    """When access stopped, and which subaccounts stopped with the account."""

    at: Instant
    subaccounts: tuple[str, ...] = ()
    as_planned: bool = True
    """False when others stopped than the confirmed plan has: some came or went in between."""


class PlanAgain(WireModel):
    """The plan once more, for the account and the `subaccounts` that stopped with it."""

    closure_id: str
    account_id: str
    subaccounts: tuple[str, ...]
    time: Instant


class WrittenOff(WireModel):
    """What was given up or written off, subaccounts' included: decimal amounts of `currency`."""

    currency: str
    forfeited_cash: str
    forfeited_promo: str
    voided_debt: str


class Released(WireModel):
    """How many things are gone, seen by a fresh list; `products` counts both by their product."""

    resources: int
    subscriptions: int
    products: Mapping[str, int] = {}


class BillingCheck(WireModel):
    """`subaccounts` stopped with the account and are checked with it."""

    closure_id: str
    account_id: str
    subaccounts: tuple[str, ...] = ()
    refunds: bool = False
    access_stopped_at: Instant
    time: Instant


class BillingVerdict(WireModel):
    """`waiting_for` says why nothing can be decided yet; else `owed` lists what stands against deletion."""

    waiting_for: str | None = None
    owed: tuple[ChecklistItem, ...] = ()


class ErasedStore(WireModel):
    store_id: str
    store: str = ""
    objects_found: int


class RetainedStore(WireModel):
    """Not erased: the policy's retention class `retained_as` keeps it."""

    store_id: str
    store: str
    objects: int
    retained_as: str


class Erased(WireModel):
    """Every store of `stores` was read again after its erasure and found empty."""

    stores: tuple[ErasedStore, ...] = ()
    retained: tuple[RetainedStore, ...] = ()

    def evidence(self, closure_id: str) -> dict[str, JsonValue]:
        """Details of the audit event of this closure; all but `stores` is without the stores' names."""
        evidence = ErasureEvidence(
            erased_stores=tuple(
                StoreEvidence(
                    reference=store_reference(closure_id, each.store_id),
                    store=each.store,
                    objects=each.objects_found,
                )
                for each in self.stores
            ),
            retained_stores=tuple(
                StoreEvidence(
                    reference=store_reference(closure_id, each.store_id),
                    store=each.store,
                    objects=each.objects,
                    retained_as=each.retained_as,
                )
                for each in self.retained
            ),
        )
        return {"stores": [each.model_dump() for each in self.stores], **evidence.model_dump(mode="json")}


class StoreEvidence(WireModel):
    """A data store without its id, which a customer may have named after somebody."""

    reference: str
    store: str
    objects: int
    retained_as: str | None = None


class ErasureEvidence(WireModel):
    """What the audit says about an account's data stores."""

    erased_stores: tuple[StoreEvidence, ...]
    retained_stores: tuple[StoreEvidence, ...]


class Notice(WireModel):
    """A message to the account's closers. `unrecoverable` are item ids."""

    closure_id: str
    account_id: str
    template: str
    unrecoverable: tuple[str, ...] = ()
    reason: str = ""
    to_everyone: bool = False
    """To every user who has an address, not only those who may close the account."""
    values: Mapping[str, str] = {}
    """What else the template may name: amounts and times, nothing personal."""
    key: str
    time: Instant


class RefundToExpect(WireModel):
    """The refund of a plan that has been confirmed."""

    closure_id: str
    plan_hash: str
    confirmed_at: Instant


class RefundRequest(WireModel):
    """`due_by` was computed once, when the refund was first expected."""

    closure_id: str
    account_id: str
    plan_hash: str
    due_by: Instant
    key: str
    time: Instant


class RefundReport(WireModel):
    """How the refund stands after one look; `settled` has arrived. Amounts are decimal strings."""

    status: RefundStatus
    settled: str


class SubaccountsToOpen(WireModel):
    """Records to be opened for subaccounts that stopped with the account."""

    closure_id: str
    subaccounts: tuple[str, ...]
    time: Instant


class SubaccountStep(WireModel):
    """One step in deleting a subaccount; also the child workflow's input. `time` is the owner's clock."""

    owner_closure_id: str
    plan_hash: str | None = None
    account_id: str
    retained_stores: tuple[str, ...] = ()
    time: Instant
    details: dict[str, JsonValue] = Field(default_factory=dict)


class SubaccountResult(WireModel):
    """`held_up_by` says why it isn't deleted yet; it will be tried again."""

    account_id: str
    held_up_by: str | None = None


class CertificateRequest(WireModel):
    """The certificate of a closure that has ended; `time` is when it is issued, by the closure's clock."""

    closure_id: str
    time: Instant


class CertificateIssued(WireModel):
    certificate_id: str
    key_id: str
