"""What to do next, for every stage: the commands a person would otherwise have to look up."""

import shlex

from closure.lifecycle import Stage
from closure.messages import ChecklistItem, ItemCategory, StatusDocument
from commandline.countdown import spoken, spoken_time

STARTER = "python starter.py"


def next_steps(document: StatusDocument) -> tuple[str, ...]:
    """One sentence or command for each thing that can be done now; what goes on by itself is said too."""
    account = shlex.quote(document.account_id)
    match document.stage:
        case Stage.OPENED | Stage.CHECKING:
            return (f"The system check runs for a few minutes. Look again: {STARTER} status {account}",)
        case Stage.BLOCKED:
            return _unblock(document.checklist, account)
        case Stage.READY:
            confirm = f"{STARTER} confirm {account} --as USER --reason REASON"
            if document.plan_hash:
                confirm += f" --plan-hash {document.plan_hash}"
            return (
                f"Confirm; from then on nothing can be revoked: {confirm}",
                f"Or keep the account: {STARTER} withdraw {account} --as USER",
            )
        case Stage.COOLING_OFF:
            return (
                f"The irrevocable part begins by itself. Follow it: {STARTER} watch {account}",
                f"Until then you can keep the account: {STARTER} withdraw {account} --as USER",
            )
        case Stage.ENTERING:
            return (f"The irreversible part begins by itself. Follow it: {STARTER} watch {account}",)
        case Stage.SILENT | Stage.RETAINED:
            return (_wait(document, account),)
        case Stage.FINAL_CHECK:
            return (
                (
                    "Billing decides; unreadable or unfinished billing is looked at again. "
                    f"Look now: {STARTER} recheck {account}"
                ),
            )
        case Stage.RESTORING | Stage.DELETING:
            return (f"It ends by itself. Follow it: {STARTER} watch {account}",)
        case Stage.RESTORED | Stage.REFUSED | Stage.WITHDRAWN | Stage.EXPIRED:
            advice = (document.restart_advice,) if document.restart_advice else ()
            return (*advice, f"Start again when it suits: {STARTER} plan {account}")
        case Stage.DORMANT:
            return (f"Use it again, or close it for good: {STARTER} plan {account}",)
        case Stage.DELETED:
            return (f"Nothing is left to do. The evidence: {STARTER} audit {account} --verify",)


def _unblock(checklist: tuple[ChecklistItem, ...], account: str) -> tuple[str, ...]:
    blocking = [item for item in checklist if item.blocks]
    steps = []
    if any(item.category is ItemCategory.RENOUNCEABLE for item in blocking):
        steps.append(
            "Give up what is renounceable (risk!): "
            f"{STARTER} renounce {account} --all --as USER --accept-risk"
        )
    if any(item.category is ItemCategory.MANUAL for item in blocking):
        steps.append(
            "Handle the manual items as described "
            f"(on the embedded platform: {STARTER} platform pay|settle|transfer|cancel-filing|unlink|release "
            f"{account} ID)"
        )
    if any(item.category is not ItemCategory.RENOUNCEABLE for item in blocking):
        steps.append(f"Then let the system look again: {STARTER} recheck {account}")
    return tuple(steps)


def _wait(document: StatusDocument, account: str) -> str:
    silent = document.stage is Stage.SILENT
    what = "The silent period" if silent else "The retention"
    until = document.silent_until if silent else document.delete_after
    left = (
        f", {spoken(document.remaining_seconds)} from now" if document.remaining_seconds is not None else ""
    )
    when = f" until {spoken_time(until)}{left}" if until else ""
    return f"{what} lasts{when}; nobody can shorten or revoke it. Follow it: {STARTER} watch {account}"
