"""The dry run: surveys the account as a closure would and says what would happen; starts nothing."""

from datetime import UTC, datetime, timedelta

from pydantic import JsonValue
from rich.console import Group, RenderableType

from activities.survey import read_facts
from closure.accounts import Access
from closure.checks import evaluate
from closure.duration import format_duration
from closure.errors import RefusalType, Refused
from closure.lifecycle import Mode
from closure.messages import ChecklistItem
from closure.plan import AccountPlan, Plan, make_plan, unrecoverable_ids
from closure.policy import Policy, RetentionClass
from commandline.countdown import spoken_duration
from commandline.installation import Installation
from commandline.next_step import STARTER
from commandline.proving import how_to_prove
from commandline.rendering import bullet_list, checklist_tables, facts_table
from commandline.terminal import Answer


async def dry_run(installation: Installation, account: str, policy_name: str | None, mode: Mode) -> Answer:
    """What a closure would find and do now.

    Raises:
        Refused: no such account or policy, the account is closed, or its kind or the mode is not offered.
    """
    ports = await installation.ports()
    profile = await ports.directory.profile(account)
    policy = installation.policy_for(profile, policy_name)
    if profile.access is Access.CLOSED:
        raise Refused(RefusalType.ACCOUNT_CLOSED, f"account {account} is closed for good")
    policy.require_mode(mode)
    policy.require_kind(profile.kind)
    facts = await read_facts(
        ports.directory, ports.billing, ports.inventory, ports.data_stores, ports.holds, account
    )
    items = evaluate(policy, facts, datetime.now(UTC), mode)
    plan = make_plan(policy, facts, items, mode)
    consents = policy.missing_consent(profile.kind, mode, False, ())
    document: dict[str, JsonValue] = {
        **plan.model_dump(mode="json", exclude={"items", "policy_hash", "products"}),
        "plan_hash": plan.plan_hash,
        "checklist": [item.model_dump(mode="json") for item in items],
        "unrecoverable": list(unrecoverable_ids(plan)),
        "acknowledgements": list(consents),
        "advice": list(policy.advice),
    }
    return Answer(document, _text(policy, plan, items, consents))


def _text(
    policy: Policy, plan: Plan, items: tuple[ChecklistItem, ...], consents: tuple[str, ...]
) -> RenderableType:
    blocking = sum(item.blocks for item in items)
    parts: list[RenderableType] = [
        facts_table(
            [
                ("account", plan.account_id),
                ("policy", f"{plan.policy} {plan.policy_version}, mode {plan.mode.value}"),
                ("plan hash", plan.plan_hash),
                ("blocking", f"{blocking} item(s)" if blocking else "nothing"),
            ]
        ),
        *checklist_tables(items),
        bullet_list("Would happen", _effects(plan)),
        bullet_list("When", _times(policy, plan)),
    ]
    if consents:
        parts.append(bullet_list("Would have to be agreed to", consents))
    if policy.advice:
        parts.append(bullet_list("Advice", policy.advice))
    close = f"{STARTER} close {plan.account_id} --as USER"
    prove = how_to_prove(policy, plan.account_id, "USER")
    parts.append(bullet_list("Next", [f"Nothing was changed. To close the account: {close}", prove]))
    return Group(*parts)


def _effects(plan: Plan) -> list[str]:
    effects = _account_effects(plan)
    for each in plan.subaccounts:
        effects.append(f"stop subaccount {each.account_id}")
        effects += [f"{effect} of subaccount {each.account_id}" for effect in _account_effects(each)]
    if plan.deletes_bindings:
        effects.append("delete the bindings to third parties")
    return effects or ["nothing beyond stopping the account"]


def _account_effects(plan: AccountPlan) -> list[str]:
    currency = plan.currency
    effects = [f"release {', '.join(batch)}" for batch in plan.releases]
    effects += [f"cancel subscription {each}" for each in plan.cancellations]
    for label, amount in (
        ("forfeit the cash balance of", plan.forfeited_cash),
        ("forfeit the promotional balance of", plan.forfeited_promo),
        ("void the debt of", plan.voided_debt),
        ("refund", plan.refund),
    ):
        if amount is not None:
            effects.append(f"{label} {amount} {currency}")
    effects += [f"erase {each.store_id} ({each.store}, {each.objects} objects)" for each in plan.erasures]
    effects += [
        f"retain {each.store_id} ({each.store}, {each.objects} objects) as {each.retained_as}"
        for each in plan.retained
    ]
    return effects


def _times(policy: Policy, plan: Plan) -> list[str]:
    """A27: the time to plan for, before anything starts."""
    times = [f"confirm within {spoken_duration(policy.draft_lifetime)} of opening the closure"]
    if plan.mode is Mode.KEEP_DATA:
        return [*times, "dormant at once after confirming"]
    nothing = timedelta(0)
    if plan.silent_period > nothing:
        entering = format_duration(policy.entering_duration)
        times.append(
            f"silent period of {spoken_duration(plan.silent_period)} from {entering} after confirming"
        )
    if plan.refund_total is not None and policy.refund is not None:
        times.append(f"refund within {policy.refund.business_days} business days")
    if plan.retention > nothing:
        times.append(f"data is kept for {spoken_duration(plan.retention)} more, then deleted")
    else:
        times.append("then the account and its data are deleted")
    times += [f"kept for {_kept_for(each)} more: {each.what} ({each.ground})" for each in policy.retained]
    return times


def _kept_for(kept: RetentionClass) -> str:
    return f"{kept.years} years" if kept.years else spoken_duration(kept.duration or timedelta(0))
