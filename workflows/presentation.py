"""The closure as a person reads it in the Temporal Web UI: current details in Markdown."""

import re

from closure.lifecycle import Stage
from closure.state import ClosureView, MovedMoney
from closure.visible_text import printable

REFUSED = "### Refused\n\nThe closure was refused. Nothing was changed. Why is in the record, with the act."

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
    Stage.BLOCKED: "the customer handles what is manual, gives up what can be; `recheck` looks again.",
    Stage.READY: "the customer confirms, bound to the plan hash below.",
    Stage.COOLING_OFF: "the irrevocable part begins at the deadline; until then the customer can withdraw.",
    Stage.ENTERING: "what follows begins by itself.",
    Stage.SILENT: "the final check begins by itself at the deadline.",
    Stage.FINAL_CHECK: "deletion, or restoration if anything is owed. `recheck` looks at once.",
    Stage.RETAINED: "deletion begins by itself at the deadline. `recheck` asks about the refund at once.",
    Stage.DELETING: "the outcome. `recheck` tries at once what is held up.",
}

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|!~&])")


def current_details(view: ClosureView) -> str:
    """Markdown for the Web UI: where it stands, until when, how much is left, what comes next."""
    lines = [f"### {view.stage.value.replace('_', ' ').capitalize()}", "", _STORY[view.stage], ""]
    if view.waiting is not None:
        lines += [
            f"**Waiting:** {escaped(view.waiting.text)}, since {view.waiting.since:%Y-%m-%d %H:%M} UTC",
            "",
        ]
    if view.deadline is not None:
        lines += [f"**Deadline:** {view.deadline.at:%Y-%m-%d %H:%M:%S} UTC", ""]
    if view.stage in _NEXT:
        lines += [f"**Next:** {_NEXT[view.stage]}", ""]
    if view.refund is not None:
        lines += [f"**Refund:** {view.refund.value.replace('_', ' ')}", ""]
    if view.item_count:
        lines += [f"**Checklist:** {_checklist(view)}", ""]
    if view.plan_hash and view.stage is Stage.READY:
        lines += [f"**Plan hash:** `{view.plan_hash}`", ""]
    if view.certificate_id is not None:
        lines += [f"**Certificate:** `{view.certificate_id}`", ""]
        lines += [f"**Money:** {_money(view.moved_money)}", ""]
    lines.append(
        f"Policy {escaped(view.policy)}, version {escaped(view.policy_version)} · survey {view.survey_number}"
    )
    return "\n".join(lines)


def _checklist(view: ClosureView) -> str:
    found = ", ".join(escaped(check) for check in view.checks)
    if not view.blocking:
        return f"{view.item_count} items, none of them blocks any more: {found}"
    return f"{view.item_count} items, {view.blocking} of them block: {found}"


def _money(moved: MovedMoney | None) -> str:
    if moved is None:
        return "none was moved"
    amounts = {
        "cash forfeited": moved.forfeited_cash,
        "promotional value forfeited": moved.forfeited_promo,
        "debt voided": moved.voided_debt,
        "refunded": moved.refunded,
        "paid otherwise": moved.paid_otherwise,
    }
    said = [f"{what} {amount} {moved.currency}" for what, amount in amounts.items() if amount.strip("0.")]
    return escaped(", ".join(said)) or "none was moved"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line; without what would reorder it."""
    return _MARKUP.sub(r"\\\1", printable(" ".join(text.split())))
