"""What a dry run found, as a document and for people."""

from collections.abc import Sequence
from datetime import timedelta

from rich.console import Group, RenderableType

from client.planning import DryRun, plan_document
from closure.dues import Due, owed_item
from closure.lifecycle import Mode
from closure.messages import ChecklistItem, IdentityMethod
from closure.plan import AccountPlan, Plan
from closure.policy import Policy, RetentionClass
from commandline.countdown import spoken_duration
from commandline.layout import bullet_list, facts_table
from commandline.next_step import close_command, command
from commandline.rendering import checklist_parts
from commandline.terminal import Answer


def dry_run_answer(found: DryRun) -> Answer:
    """The dry run as a document and for people."""
    plan, items, policy, consents = found.plan, found.items, found.policy, found.consents
    document = plan_document(found).model_dump(mode="json", by_alias=True)
    return Answer(document, _text(policy, plan, items, consents))


def consequences(policy: Policy, plan: Plan) -> RenderableType:
    """What a plan does to the account, and when."""
    return Group(
        bullet_list("Would happen", _effects(plan, policy.languages[0])),
        bullet_list("When", _times(policy, plan)),
    )


def _text(
    policy: Policy, plan: Plan, items: Sequence[ChecklistItem], consents: tuple[str, ...]
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
        *checklist_parts(items),
        consequences(policy, plan),
    ]
    if consents:
        parts.append(bullet_list("Would have to be agreed to", consents))
    if policy.advice:
        parts.append(bullet_list("Advice", policy.advice))
    parts.append(bullet_list("Next", _next_steps(policy, plan, consents)))
    return Group(*parts)


def _next_steps(policy: Policy, plan: Plan, consents: tuple[str, ...]) -> list[str]:
    steps = []
    if (method := policy.identity.asked[0]) in (IdentityMethod.EMAIL_CODE, IdentityMethod.SMS_CODE):
        ask = command("challenge", plan.account_id, options=["--as", "USER", "--method", method])
        steps.append(f"Nothing was changed. To close the account, first get a code: {ask}")
    close = close_command(policy, consents, plan.account_id, "USER", plan.mode)
    return [*steps, f"{'Then' if steps else 'Nothing was changed. To close the account'}: {close}"]


def _effects(plan: Plan, language: str) -> list[str]:
    effects = _account_effects(plan, language)
    for each in plan.subaccounts:
        effects.append(f"stop subaccount {each.account_id}")
        effects += [
            f"{effect} of subaccount {each.account_id}" for effect in _account_effects(each, language)
        ]
    if plan.deletes_bindings:
        effects.append("delete the bindings to third parties")
    return effects or ["nothing beyond stopping the account"]


def _account_effects(plan: AccountPlan, language: str) -> list[str]:
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
    effects += [
        f"leave due: {owed_item(each, language=language).title} ({_word(each)})" for each in plan.dues
    ]
    effects += [f"leave behind: {owed_item(each, language=language).title}" for each in plan.left_behind]
    effects += [f"erase {each.store_id} ({each.store}, {each.objects} objects)" for each in plan.erasures]
    effects += [
        f"retain {each.store_id} ({each.store}, {each.objects} objects) as {each.retained_as}"
        for each in plan.retained
    ]
    return effects


def _word(due: Due) -> str:
    return due.becomes.value.replace("_", " ")


def _times(policy: Policy, plan: Plan) -> list[str]:
    """A27: the time to plan for, before anything starts."""
    times = [f"confirm within {spoken_duration(policy.draft_lifetime)} of opening the closure"]
    if plan.mode is Mode.KEEP_DATA:
        return [*times, "dormant at once after confirming"]
    nothing = timedelta(0)
    if plan.silent_period > nothing:
        entering = spoken_duration(policy.entering_duration)
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
