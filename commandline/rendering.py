"""The status document for people: where it stands and why, what is left to do, and what comes next."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from client.standing import NO_ANSWER
from closure.deadlines import Deadline
from closure.lifecycle import REVOCABLE, UNCONFIRMED, Outcome, Stage
from closure.messages import (
    Becomes,
    ChecklistItem,
    ItemCategory,
    MoneyParts,
    OwedItem,
    RefundState,
    RefundStatus,
    Standing,
    StatusDocument,
    WaitingFor,
)
from closure.stage_texts import DEADLINES, STORY
from closure.waiting import WAITING_TEXTS, WaitingReason
from commandline.countdown import spoken, spoken_time
from commandline.layout import NAME_WIDTH, bullet_list, facts_table, fitting, heading, money_text, whole
from commandline.next_step import items_command, next_steps
from commandline.terminal import plain

_STYLES: Final[Mapping[str, str]] = {
    Stage.BLOCKED: "bold yellow",  # somebody has to do something
    Stage.READY: "bold green",
    Stage.COOLING_OFF: "bold green",
    Stage.ENTERING: "bold magenta",  # there is no way back
    Stage.SILENT: "bold magenta",
    Stage.FINAL_CHECK: "bold magenta",
    Stage.RETAINED: "bold magenta",
    Stage.DELETING: "bold magenta",
    Stage.RESTORING: "bold cyan",
    Stage.RESTORED: "bold cyan",
    Stage.DORMANT: "blue",
    Stage.DELETED: "reverse",  # gone
    Stage.REFUSED: "red",
    Stage.WITHDRAWN: "dim",
    Stage.EXPIRED: "dim",
}
_REASONS: Final[Mapping[str, str]] = {NO_ANSWER: "a worker"}
_CATEGORIES: Final = (
    (ItemCategory.MANUAL, "Must be handled elsewhere"),
    (ItemCategory.RENOUNCEABLE, "Can be given up here"),
    (ItemCategory.UNKNOWN, "Unknown: a source could not be read, so it blocks"),
)


def stage_style(stage: str) -> str:
    """The colour of a stage by what it means; of a word that is none, no colour."""
    return _STYLES.get(stage, "")


def stage_text(document: StatusDocument) -> Text:
    """The stage by the name that `list --stage` takes, and what it means."""
    if document.standing is Standing.UNANSWERED:
        said = "started; no worker has answered yet" if document.waiting_for else "asked for in vain"
        return plain(said, style="bold yellow")
    stage = plain(document.stage.value, style=stage_style(document.stage))
    return Text.assemble(stage, f": {STORY[document.stage]}")


def status_text(document: StatusDocument, *, progress: str = "", user: str | None = None) -> RenderableType:
    """The whole document; `progress` is of the system check that runs, `user` who acts next."""
    parts: list[RenderableType] = [facts_table(_facts(document, progress))]
    for name, text in (("plan hash", document.plan_hash), ("web UI", document.web_url)):
        if text:
            # Must be whole to be copied.
            parts.append(whole(Text.assemble((name.ljust(NAME_WIDTH), "bold"), plain(text))))
    if document.stage is not Stage.DELETED:
        parts += _checklist_of(document)
        if document.pages > 1:
            parts.append(
                fitting(f"\nItems: page {document.page} of {document.pages}, {document.item_count} in all")
            )
    if document.advice and document.stage in (Stage.CHECKING, Stage.BLOCKED, Stage.READY):
        parts.append(bullet_list("Advice", document.advice))
    if document.outcome is not Outcome.RESTORED:
        parts += _left_lists(document.owed)
    if document.unrecoverable:
        parts.append(bullet_list("Can't come back", document.unrecoverable))
    parts.append(bullet_list("Next", next_steps(document, user)))
    return Group(*parts)


def items_text(document: StatusDocument) -> RenderableType:
    """One page of the checklist."""
    page = f"page {document.page} of {document.pages}"
    said = f"{document.item_count} items of closure {document.closure_id}, {page}"
    steps = []
    if document.page < document.pages:
        more = items_command(document, document.page + 1)
        steps.append(bullet_list("Next", [f"The next page: {more}"]))
    return Group(fitting(said), *_checklist_of(document), *steps)


def checklist_parts(checklist: Iterable[ChecklistItem]) -> list[RenderableType]:
    """A list for each category that has items, each of them that blocks with its instructions (A15)."""
    items = tuple(checklist)
    parts: list[RenderableType] = []
    for category, title in _CATEGORIES:
        parts += _section(title, [item for item in items if item.category is category and item.blocks])
    return [*parts, *_section("Given up", [item for item in items if not item.blocks])]


def _checklist_of(document: StatusDocument) -> list[RenderableType]:
    """Once it is confirmed or over nobody gives up or handles anything for this closure: no instructions."""
    if document.stage in UNCONFIRMED:
        return checklist_parts(document.checklist)
    open_ones = [item.model_copy(update={"how_to": ""}) for item in document.checklist if item.blocks]
    given_up = [item for item in document.checklist if not item.blocks]
    return [*_section("Found by the last check", open_ones), *_section("Given up", given_up)]


def _section(title: str, items: Sequence[ChecklistItem]) -> list[RenderableType]:
    lines = [line for item in items for line in _item_lines(item)]
    return [heading(f"{title} ({len(items)})"), *lines] if items else []


def _item_lines(item: ChecklistItem) -> list[RenderableType]:
    amount = money_text(item.amount, item.currency)
    first = Text.assemble("  ", plain(item.item_id, style="dim" if item.renounced else "bold"))
    if amount:
        first.append_text(plain(f"  {amount}"))
    if item.renounced:
        return [whole(first), fitting(item.title, indent="    ")]
    said = item.title.rstrip(".")
    return [whole(first), fitting(f"{said}. {item.how_to}" if item.how_to else said, indent="    ")]


def _facts(document: StatusDocument, progress: str) -> list[tuple[str, str | Text]]:
    provider = f"  ({document.provider})" if document.provider else ""
    rows: list[tuple[str, str | Text]] = [
        ("account", f"{document.account_id}{provider}"),
        ("closure", document.closure_id),
    ]
    if document.policy:
        version = f" {document.policy_version}" if document.policy_version else ""
        rows.append(("policy", f"{document.policy}{version}, mode {document.mode.value}"))
    rows.append(("stage", stage_text(document)))
    if document.standing is Standing.INTERRUPTED:
        rows.append(("standing", Text("interrupted: no workflow carries it on", style="bold red")))
    if document.outcome_reason:
        rows.append(("reason", document.outcome_reason))
    if document.waiting_for is not None:
        rows.append(("waits for", plain(waiting_text(document.waiting_for), style="yellow")))
    rows += _check_rows(document, progress)
    rows += _time_rows(document)
    rows += _money_rows(document)
    if document.certificate_id:
        rows.append(("certificate", document.certificate_id))
    return rows


def _check_rows(document: StatusDocument, progress: str) -> list[tuple[str, str | Text]]:
    rows: list[tuple[str, str | Text]] = [("check", progress)] if progress else []
    if document.survey_number and document.stage in UNCONFIRMED:
        items = "item" if document.item_count == 1 else "items"
        found = f"{document.item_count} {items}, {document.blocking} blocking"
        rows.append(("checked", f"{_times(document.survey_number)}: {found}"))
    is_restored = document.outcome is Outcome.RESTORED
    # The checklist here may be only its first page.
    given_up = 0 if is_restored else document.item_count - document.blocking
    if given_up > 0 and document.stage is not Stage.DELETED:
        rows.append(("given up", f"{given_up} of the items"))
    if is_restored and document.item_count:
        rows.append(("settle", f"{document.item_count} items"))
    return rows


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _time_rows(document: StatusDocument) -> list[tuple[str, str | Text]]:
    times = (
        ("opened", document.opened_at),
        ("confirmed", document.confirmed_at),
        ("silent until", document.silent_until),
        ("deletion", document.delete_after),
    )
    rows: list[tuple[str, str | Text]] = [(name, spoken_time(time)) for name, time in times if time]
    if document.deadline is not None:
        rows.append(("next", countdown_text(document.deadline, document.remaining_seconds)))
    return rows


def countdown_text(deadline: Deadline, seconds: int | None) -> str:
    """What happens next, when, and how long that is from now."""
    return f"{moment_text(deadline, seconds)}: {DEADLINES[deadline.what]}"


def moment_text(deadline: Deadline, seconds: int | None) -> str:
    """When it is, and how long that is from now."""
    left = "" if seconds is None else f" (in {spoken(seconds)})" if seconds else " (now)"
    return f"{spoken_time(deadline.at)}{left}"


def _money_rows(document: StatusDocument) -> list[tuple[str, str | Text]]:
    rows: list[tuple[str, str | Text]] = []
    if document.money is not None:
        is_done = document.stage not in REVOCABLE | {Stage.ENTERING}
        rows += [("money", said) for said in _parts(document.money, is_done=is_done, refund=document.refund)]
    if document.refund is not None:
        bad = document.refund.status in (RefundState.FAILED, RefundState.LATE)
        rows.append(("refund", plain(refund_text(document.refund), style="red" if bad else "")))
    return rows


def _parts(money: MoneyParts, *, is_done: bool, refund: RefundStatus | None) -> list[str]:
    parts = (
        ("cash balance forfeited" if is_done else "cash balance to be forfeited", money.forfeited_cash),
        ("promotional balance lost" if is_done else "promotional balance to be lost", money.forfeited_promo),
        ("debt voided" if is_done else "debt to be voided", money.voided_debt),
        ("to be refunded", None if refund is not None else money.refund),
    )
    return [f"{amount} {money.currency} {what}" for what, amount in parts if amount is not None]


def refund_text(refund: RefundStatus) -> str:
    """How a refund stands, with its parts."""
    parts = (
        ("arrived", refund.settled),
        ("failed, to be paid another way", refund.failed),
        ("paid another way", refund.paid_otherwise),
    )
    said = "".join(
        f"; {money_text(part, refund.currency)} {what}"
        for what, part in parts
        if part is not None and refund.money(part).minor
    )
    status = refund.status.value.replace("_", " ")
    return (
        f"{money_text(refund.amount, refund.currency)}: {status}, due by {spoken_time(refund.due_by)}{said}"
    )


def waiting_text(waiting: WaitingFor) -> str:
    """What a closure waits for and since when; a step that keeps failing with its errors and their number."""
    try:
        said = _REASONS.get(waiting.reason) or WAITING_TEXTS[WaitingReason(waiting.reason)]
    except ValueError:
        times = "once" if waiting.attempts == 1 else f"{waiting.attempts} times"
        said = f"a step that has failed {times}" if waiting.attempts else waiting.reason
    text = said if waiting.detail in (None, said) else f"{said}: {waiting.detail}"
    return f"{text}, since {spoken_time(waiting.since)}" if waiting.since else text


def _left_lists(owed: Sequence[OwedItem]) -> list[RenderableType]:
    left = [each for each in owed if each.becomes is Becomes.LEFT_BEHIND]
    due = [each for each in owed if each.becomes is not Becomes.LEFT_BEHIND]
    titled = (("Stays due", due), ("Left behind", left))
    return [bullet_list(title, map(_left_text, items)) for title, items in titled if items]


def _left_text(item: OwedItem) -> str:
    return (
        f"{item.title} (taken from the refund)" if item.becomes is Becomes.TAKEN_FROM_REFUND else item.title
    )
