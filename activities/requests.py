"""Inputs and results of the activities: one model in, one model out.

Every `key` is an idempotency key made by the workflow; every `time` is the closure's own clock (UTC).
"""

from closure.messages import ChecklistItem, CloseRequest, ClosureInput, StatusDocument
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
    unrecoverable: tuple[str, ...] = ()


class SurveyProgress(WireModel):
    """What the running system check has done so far (A14); the activity's heartbeat."""

    done: tuple[str, ...] = ()
    running: tuple[str, ...] = ()


class Effect(WireModel):
    """One effect on the account. `plan_hash` names the plan that was confirmed."""

    closure_id: str
    account_id: str
    plan_hash: str | None = None
    key: str
    time: Instant


class AccessStopped(WireModel):
    at: Instant


class WrittenOff(WireModel):
    """What was given up or written off: decimal amounts of `currency`."""

    currency: str
    forfeited_cash: str
    forfeited_promo: str
    voided_debt: str


class Released(WireModel):
    """How many things are gone, seen by a fresh list."""

    resources: int
    subscriptions: int


class BillingCheck(WireModel):
    closure_id: str
    account_id: str
    access_stopped_at: Instant
    time: Instant


class BillingVerdict(WireModel):
    """`waiting_for` says why nothing can be decided yet; else `owed` lists what stands against deletion."""

    waiting_for: str | None = None
    owed: tuple[ChecklistItem, ...] = ()


class ErasedStore(WireModel):
    store_id: str
    objects_found: int


class Erased(WireModel):
    """Every store was read again after its erasure and found empty."""

    stores: tuple[ErasedStore, ...] = ()


class Notice(WireModel):
    """A message to the account's closers. `unrecoverable` are item ids."""

    closure_id: str
    account_id: str
    template: str
    unrecoverable: tuple[str, ...] = ()
    reason: str = ""
    key: str
    time: Instant
