"""What the record pinned for a closure: its policy, and the plan that the customer confirmed."""

from activities.requests import Effect
from closure.plan import Plan
from closure.policy import Policy
from records.closures import ClosureRecords


async def confirmed_plan(records: ClosureRecords, effect: Effect) -> Plan:
    """Raises RuntimeError (retried, and shown) when the record doesn't have it: effects need their plan."""
    return await plan_of(records, effect.closure_id, effect.plan_hash or "")


async def plan_of(records: ClosureRecords, closure_id: str, plan_hash: str) -> Plan:
    """As `confirmed_plan`."""
    content = await records.plan(closure_id, plan_hash)
    if content is None:
        raise RuntimeError(f"the record has no plan {plan_hash} for closure {closure_id}")
    return Plan.model_validate_json(content)


async def pinned_policy(records: ClosureRecords, closure_id: str) -> Policy:
    """The policy that the closure was opened under, whatever its file says now."""
    return Policy.from_json(await records.policy_snapshot(closure_id))
