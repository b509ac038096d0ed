"""What a closure must be like for a customer's act: pure guards that refuse with the reason."""

from collections.abc import Collection
from datetime import datetime

from closure.consent import covers
from closure.errors import RefusalType, Refused
from closure.findings import Findings
from closure.lifecycle import IRREVOCABLE, Stage
from closure.plan import Plan
from closure.policy import Approval, Policy
from closure.state import Approver, ClosureState
from closure.transitions import CHANGES_NAMED


def require_revocable(state: ClosureState, now: datetime) -> None:
    """Passes while the customer can still stop the closure.

    Raises:
        Refused: `IRREVOCABLE` or `CLOSURE_ENDED`.
    """
    if state.stage in IRREVOCABLE:
        raise Refused(
            RefusalType.IRREVOCABLE, "the closure has been confirmed; nothing can change or stop it now"
        )
    if state.outcome is not None or state.has_expired(now):
        raise Refused(RefusalType.CLOSURE_ENDED, "the closure has ended; a new one can be opened")


def require_unconfirmed(state: ClosureState) -> None:
    """Raises `Refused` (`ALREADY_CONFIRMED`) in a cool-off."""
    if state.stage is Stage.COOLING_OFF:
        raise Refused(
            RefusalType.ALREADY_CONFIRMED,
            "the closure has been confirmed and cools off; until that ends it can be withdrawn",
        )


def require_ready(state: ClosureState, now: datetime) -> None:
    """Passes when nothing blocks and nobody has confirmed.

    Raises:
        Refused: `ITEMS_OUTSTANDING`, `NOT_READY`, or what the two above raise.
    """
    require_revocable(state, now)
    require_unconfirmed(state)
    if state.stage is Stage.BLOCKED:
        raise Refused(
            RefusalType.ITEMS_OUTSTANDING,
            f"{state.blocking} items still block the closure; handle or renounce them, then recheck",
            facts={"count": state.blocking},
        )
    if state.stage is not Stage.READY:
        raise Refused(RefusalType.NOT_READY, "the system check is still running; try again when it is done")


def require_current_plan(state: ClosureState, plan_hash: str) -> None:
    """Raises `Refused` (`STALE_PLAN_HASH`) unless this is the hash of the plan as it stands."""
    if plan_hash != state.plan_hash:
        raise Refused(
            RefusalType.STALE_PLAN_HASH,
            "this plan hash is not of the current plan; look at the closure and approve that",
        )


def wanted_approval(policy: Policy) -> Approval:
    """How the policy wants a second person's yes.

    Raises:
        Refused: `APPROVAL_NOT_WANTED`; the audit must not tell of a second person whom no rule asks for.
    """
    if policy.approval is None:
        raise Refused(RefusalType.APPROVAL_NOT_WANTED, f"policy {policy.name} wants no second person's yes")
    return policy.approval


def require_covered(findings: Findings) -> None:
    """Passes when what was seen covers what a fresh survey finds, and nothing blocks (A17).

    Raises:
        Refused: `LEGAL_HOLD`, `STALE_PLAN_HASH`, `PLAN_CHANGED` with what changed, or `ITEMS_OUTSTANDING`.
    """
    if findings.is_held:
        raise Refused(RefusalType.LEGAL_HOLD, "the account is under legal hold; contact support")
    if findings.uncovered is None:
        raise Refused(
            RefusalType.STALE_PLAN_HASH,
            "this plan hash is not of the current plan; look at the closure and confirm what you see",
        )
    changes = findings.changes or findings.uncovered
    is_blocked = findings.stage is not Stage.READY
    if findings.uncovered or (is_blocked and changes):
        # There may be a hundred thousand: neither people nor payloads take them all.
        named = changes[:CHANGES_NAMED]
        more = f"; and {len(changes) - len(named)} more" if len(changes) > len(named) else ""
        raise Refused(
            RefusalType.PLAN_CHANGED,
            f"the account has changed since the plan was seen: {'; '.join(named)}{more}"
            " — look and confirm again",
            facts={"changes": [*named]},
        )
    if is_blocked:
        raise Refused(
            RefusalType.ITEMS_OUTSTANDING,
            "something blocks the closure again; look at the checklist",
            facts={"count": findings.counted.blocking},
        )


def require_approval(
    state: ClosureState,
    policy: Policy,
    findings: Findings,
    *,
    approved: Plan | None,
    second_persons: Collection[Approver],
) -> None:
    """Under a policy that asks for it, somebody else must have approved a plan that covers this one.

    Args:
        state: of the closure.
        policy: that it runs under.
        findings: of the survey at confirm.
        approved: the plan that was approved last.
        second_persons: those who approved, have the role still and are not who confirms.

    Raises:
        Refused: `APPROVAL_REQUIRED`.
    """
    if not findings.needs_approval:
        return
    others = set(state.approved_by) & set(second_persons)
    if approved is None or not covers(approved, findings.plan) or not others:
        roles = policy.approval.roles if policy.approval else ()
        raise Refused(
            RefusalType.APPROVAL_REQUIRED,
            "the account is of high value: another person with role "
            f"{' or '.join(roles)} must approve the plan first",
            facts={"roles": [*roles], "plan_hash": findings.plan_hash},
        )
