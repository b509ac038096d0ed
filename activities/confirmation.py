"""The customer's last word, and the end of a cool-off: from here on there is no way back (A17)."""

from collections.abc import Awaitable, Callable

from activities.held import HeldClosure, Writing
from activities.owners import require_unclaimed
from activities.survey import Surveys, keep_findings, store_findings
from closure.acts import Act, ConfirmWords
from closure.checks import check_reason
from closure.errors import RefusalType, Refused
from closure.findings import Findings
from closure.lifecycle import Stage
from closure.rules import require_approval, require_covered, require_ready
from closure.state import Approver
from closure.transitions import confirmed
from records.acts import finish_act, withdrawal_stands
from records.claims import claim_accounts
from records.plans import find_plan, replace_losses


async def confirm(
    closure: HeldClosure,
    act: Act,
    words: ConfirmWords,
    surveys: Surveys,
    authorize: Callable[[], Awaitable[tuple[Approver, ...]]],
) -> None:
    """Carries out a confirm: surveys again, authorises, and records it, in this order.

    `authorize` refuses who may not confirm, and returns the second persons who have approved.

    Raises:
        Refused: why not. The fresh checklist is kept where the account has changed.
    """
    require_ready(closure.state, closure.now)
    reason = check_reason(closure.policy, words.reason)
    closure.policy.require_phrase(closure.account_id, words.phrase)
    # Only who names no plan at all confirms the one that stands; an empty hash is of no plan.
    seen = closure.state.plan_hash if words.plan_hash is None else words.plan_hash
    findings = await surveys.survey(closure, seen=seen)
    second_persons = await authorize()
    try:
        require_covered(findings)
    except Refused:
        await closure.write(lambda writing: keep_findings(writing, findings))
        raise

    def commit(writing: Writing) -> None:
        require_ready(writing.state, writing.now)
        # A withdrawal that nobody has answered yet comes first.
        if withdrawal_stands(writing.connection, closure.closure_id):
            raise Refused(RefusalType.WITHDRAWAL_STANDS, "a withdrawal has been asked for and comes first")
        approved = find_plan(writing.connection, closure.closure_id, writing.state.approved_plan)
        require_approval(
            writing.state, closure.policy, findings, approved=approved, second_persons=second_persons
        )
        require_unclaimed(writing)
        store_findings(writing, findings)
        change = confirmed(writing.state, closure.policy, findings, reason=reason, now=writing.now)
        if change.state.stage is Stage.ENTERING:
            commit_account(writing, findings)
        writing.apply(change, actor=act.user_id)
        finish_act(writing.connection, act.act_id)

    await closure.write(commit)


def commit_account(writing: Writing, findings: Findings) -> None:
    """What goes to `entering` claims the account and all that it owns; what can't come back is listed (A26).

    A subaccount that another closure has claimed stays with that closure.

    Raises:
        Refused: `IRREVOCABLE` when another closure has claimed the account itself.
    """
    state = writing.state
    wanted = [state.account_id, *(each.account_id for each in findings.plan.subaccounts)]
    require_unclaimed(writing)
    claim_accounts(writing.connection, state.closure_id, wanted, time=writing.now)
    replace_losses(writing.connection, state.closure_id, findings.plan)
