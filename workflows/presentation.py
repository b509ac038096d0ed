"""The closure as a person reads it in the Temporal Web UI: current details in Markdown."""

import re
from datetime import datetime

from closure.lifecycle import Stage
from closure.messages import ChecklistItem, ItemCategory, StatusDocument
from closure.visible_text import printable

_STORY: dict[Stage, str] = {
    Stage.OPENED: "Opened: identity and consent are being checked.",
    Stage.CHECKING: "The system check is running.",
    Stage.BLOCKED: "Something must be handled before the account can be closed.",
    Stage.READY: "Nothing blocks. Waiting for the customer to confirm.",
    Stage.COOLING_OFF: "Confirmed, but still revocable: the cool-off lasts until the deadline.",
    Stage.ENTERING: "Confirmed. Access is being stopped and what was given up is being released.",
    Stage.SILENT: "Irreversible silent period: nothing happens, nobody can stop or shorten it.",
    Stage.FINAL_CHECK: "The silent period is over. Billing is being checked for the last time.",
    Stage.RESTORING: "Something was still owed. The account is being given back.",
    Stage.RETAINED: "The account has stopped. Its data is kept until the retention ends.",
    Stage.DELETING: "Data is being erased and verified.",
    Stage.DELETED: "The account and its data are gone for good.",
    Stage.RESTORED: "The account is back in normal use.",
    Stage.DORMANT: "The account sleeps; its data is kept.",
    Stage.REFUSED: "The closure was refused. Nothing was changed.",
    Stage.WITHDRAWN: "The customer withdrew. Nothing was changed.",
    Stage.EXPIRED: "Nobody confirmed in time. Nothing was changed.",
}

_NEXT: dict[Stage, str] = {
    Stage.BLOCKED: "handle the manual items and send the `recheck` signal; renounce the renounceable ones "
    "with `starter.py renounce`.",
    Stage.READY: "the customer confirms with `starter.py confirm`, bound to the plan hash below.",
    Stage.COOLING_OFF: "the irrevocable part begins at the deadline; until then the customer can withdraw.",
    Stage.ENTERING: "what follows begins by itself.",
    Stage.SILENT: "the final check begins by itself at the deadline.",
    Stage.FINAL_CHECK: "deletion, or restoration if anything is owed. `recheck` looks at once.",
    Stage.RETAINED: "deletion begins by itself at the deadline. `recheck` asks about the refund at once.",
    Stage.DELETING: "the outcome. `recheck` tries at once what is held up.",
}

_SHOWN_ITEMS = 50
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|!~&])")


def current_details(document: StatusDocument, deadline: datetime | None, waiting_for: str | None) -> str:
    """Markdown for the Web UI: where it stands, until when, what is left, what comes next."""
    lines = [f"### {document.stage.value.replace('_', ' ').capitalize()}", "", _STORY[document.stage], ""]
    if waiting_for:
        lines += [f"**Waiting:** {escaped(waiting_for)}", ""]
    if document.outcome_reason:
        lines += [f"**Reason:** {escaped(document.outcome_reason)}", ""]
    if deadline is not None:
        lines += [f"**Deadline:** {deadline:%Y-%m-%d %H:%M:%S} UTC", ""]
    if document.stage in _NEXT:
        lines += [f"**Next:** {_NEXT[document.stage]}", ""]
    if document.refund:
        refund, state = document.refund, document.refund.status.value.replace("_", " ")
        due_by = f"due by {refund.due_by:%Y-%m-%d %H:%M} UTC"
        lines += [f"**Refund:** {refund.amount} {refund.currency}, {state}, {due_by}", ""]
    lines += _checklist(document)
    if document.unrecoverable:
        lines += [f"**Can't come back:** {_listed(document.unrecoverable)}", ""]
    if document.plan_hash and document.stage is Stage.READY:
        lines += [f"**Plan hash:** `{document.plan_hash}`", ""]
    lines.append(
        f"Policy {escaped(document.policy)}, version {escaped(document.policy_version)} · "
        f"survey {document.survey_number}"
    )
    return "\n".join(lines)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line; without what would reorder it."""
    return _MARKUP.sub(r"\\\1", printable(" ".join(text.split())))


def _listed(ids: tuple[str, ...]) -> str:
    shown = ", ".join(map(escaped, ids[:_SHOWN_ITEMS]))
    hidden = len(ids) - _SHOWN_ITEMS
    return f"{shown} … and {hidden} more" if hidden > 0 else shown


def _checklist(document: StatusDocument) -> list[str]:
    if not document.checklist:
        return []
    lines = ["| | item | what to do |", "| --- | --- | --- |"]
    lines += [_row(item) for item in document.checklist[:_SHOWN_ITEMS]]
    hidden = len(document.checklist) - _SHOWN_ITEMS
    if hidden > 0:
        lines.append(f"| | … and {hidden} more | `starter.py status` shows all |")
    return [*lines, ""]


def _row(item: ChecklistItem) -> str:
    mark = {
        ItemCategory.MANUAL: "manual",
        ItemCategory.UNKNOWN: "unknown",
        ItemCategory.RENOUNCEABLE: "given up" if item.renounced else "renounceable",
    }[item.category]
    # No code span for the id: backslashes would show in it.
    return f"| {mark} | **{escaped(item.item_id)}** {escaped(item.title)} | {escaped(item.how_to)} |"
