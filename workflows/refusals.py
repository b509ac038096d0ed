"""A rule's "no" as the failure with which an update ends."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.requests import SurveyResult
    from closure.checks import LEGAL_HOLD
    from closure.errors import RefusalType


def refusal(rule: RefusalType, message: str) -> ApplicationError:
    """A rule's "no" as the failure that reaches the client."""
    return ApplicationError(message, type=rule.value, non_retryable=True)


def plan_refusal(survey: SurveyResult, *, is_stale: bool) -> ApplicationError:
    """Why a confirm was refused although the closure was ready: what was seen is not what would happen."""
    changes = list(survey.changes)
    if any(item.check == LEGAL_HOLD for item in survey.items):
        return refusal(RefusalType.LEGAL_HOLD, "the account is under legal hold; contact support")
    if is_stale and not changes:
        return refusal(
            RefusalType.STALE_PLAN_HASH,
            "this plan hash is not of the current plan; look at `starter.py status` and confirm what you see",
        )
    if not changes:
        return refusal(
            RefusalType.ITEMS_OUTSTANDING, "something blocks the closure again; look at the checklist"
        )
    return ApplicationError(
        "the account has changed since the plan was seen: "
        + "; ".join(changes)
        + " — look and confirm again",
        {"changes": changes},
        type=RefusalType.PLAN_CHANGED.value,
        non_retryable=True,
    )
