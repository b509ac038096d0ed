"""The plan that the customer confirmed, read back from the record."""

from activities.requests import Effect
from closure.plan import Plan
from records.closures import ClosureRecords


async def confirmed_plan(records: ClosureRecords, effect: Effect) -> Plan:
    """Raises RuntimeError (retried, and shown) when the record doesn't have it: effects need their plan."""
    content = await records.plan(effect.closure_id, effect.plan_hash or "")
    if content is None:
        raise RuntimeError(f"the record has no plan {effect.plan_hash} for closure {effect.closure_id}")
    return Plan.model_validate_json(content)
