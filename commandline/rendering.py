"""The status document for people: where it stands, what is left to do in two categories, what comes next.

Everything that came from outside passes `plain`: it can neither style the text nor move the cursor.
"""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from closure.lifecycle import Outcome, Stage
from closure.messages import ChecklistItem, ItemCategory, StatusDocument
from commandline.countdown import spoken, spoken_time
from commandline.next_step import next_steps
from commandline.terminal import plain

STORY: dict[Stage, str] = {
    Stage.OPENED: "opened: identity and consent are being checked",
    Stage.CHECKING: "the system check is running",
    Stage.BLOCKED: "blocked: something must be handled first",
    Stage.READY: "ready: nothing blocks, waiting for the confirmation",
    Stage.COOLING_OFF: "confirmed, but still revocable: cooling off",
    Stage.ENTERING: "confirmed: access stops, what was given up is released",
    Stage.SILENT: "silent period: irreversible, nothing can stop or shorten it",
    Stage.FINAL_CHECK: "final check: billing is looked at for the last time",
    Stage.RESTORING: "something was still owed: the account is being given back",
    Stage.RETAINED: "stopped: the data is kept until the retention ends",
    Stage.DELETING: "data is being erased and verified",
    Stage.DELETED: "deleted: the account and its data are gone for good",
    Stage.RESTORED: "restored: the account is back in normal use",
    Stage.DORMANT: "dormant: the account sleeps, its data is kept",
    Stage.REFUSED: "refused: nothing was changed",
    Stage.WITHDRAWN: "withdrawn: nothing was changed",
    Stage.EXPIRED: "expired: nobody confirmed in time, nothing was changed",
}
_STYLES = {
    Stage.BLOCKED: "yellow",
    Stage.READY: "green",
    Stage.RESTORED: "yellow",
    Stage.REFUSED: "red",
    Stage.DELETED: "bold",
}
_CATEGORIES = (
    (ItemCategory.MANUAL, "Must be handled manually"),
    (ItemCategory.RENOUNCEABLE, "Renounceable: can be discarded or released here"),
    (ItemCategory.UNKNOWN, "Unknown: a source could not be read, so it blocks"),
)


def status_text(document: StatusDocument, *, note: str = "", progress: str = "") -> RenderableType:
    """The whole document; `note` says where it came from when that isn't the running workflow."""
    parts: list[RenderableType] = [_facts(document, note, progress)]
    if document.web_url:
        # Not in the table, whose columns end at the terminal's edge: it must be whole to be opened.
        address = plain(document.web_url)
        parts.append(Text.assemble(("web UI  ", "bold"), address, no_wrap=True, overflow="ignore"))
    if document.stage is not Stage.DELETED:
        parts += checklist_tables(document.checklist)
    if document.advice and document.stage in (Stage.CHECKING, Stage.BLOCKED, Stage.READY):
        parts.append(bullet_list("Advice", document.advice))
    if document.unrecoverable:
        parts.append(bullet_list("Can't come back", document.unrecoverable))
    parts.append(bullet_list("Next", next_steps(document)))
    return Group(*parts)


def checklist_tables(checklist: Iterable[ChecklistItem]) -> list[RenderableType]:
    """One table for each category that has items, each item with its instructions (A15)."""
    items = tuple(checklist)
    tables: list[RenderableType] = []
    for category, title in _CATEGORIES:
        found = [item for item in items if item.category is category]
        if found:
            tables.append(_checklist_table(title, found))
    return tables


def bullet_list(title: str, lines: Iterable[str]) -> RenderableType:
    """A heading and one line for each text; commands are not wrapped, so that they can be copied."""
    heading = Text(f"\n{title}", style="bold")
    bullets = [
        Text.assemble("  • ", plain(line.replace("\n", " ")), no_wrap=True, overflow="ignore")
        for line in lines
    ]
    return Group(heading, *bullets)


def facts_table(rows: Iterable[tuple[str, str | Text]]) -> Table:
    """Names and values in two columns, without a frame."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, plain(value) if isinstance(value, str) else value)
    return table


def money_text(amount: str | None, currency: str | None) -> str:
    return f"{amount} {currency}" if amount is not None and currency else ""


def _facts(document: StatusDocument, note: str, progress: str) -> Table:
    stage = Text(STORY[document.stage], style=_STYLES.get(document.stage, ""))
    rows: list[tuple[str, str | Text]] = [
        ("account", f"{document.account_id}  ({document.provider})"),
        ("closure", document.closure_id),
        ("policy", f"{document.policy} {document.policy_version}, mode {document.mode.value}"),
        ("stage", stage),
    ]
    if progress:
        rows.append(("check", progress))
    rows += _outcome_rows(document)
    rows += _time_rows(document)
    if document.plan_hash:
        rows.append(("plan hash", document.plan_hash))
    if document.refund:
        refund = document.refund
        rows.append(
            (
                "refund",
                (
                    f"{refund.amount} {refund.currency}: {refund.status.value}, "
                    f"due by {spoken_time(refund.due_by)}"
                ),
            )
        )
    if note:
        rows.append(("source", note))
    return facts_table(rows)


def _outcome_rows(document: StatusDocument) -> list[tuple[str, str | Text]]:
    rows: list[tuple[str, str | Text]] = []
    if document.outcome_reason:
        rows.append(("reason", document.outcome_reason))
    if document.outcome is Outcome.RESTORED and document.checklist:
        rows.append(("settle", f"{len(document.checklist)} item(s) below"))
    if document.survey_number:
        open_items = sum(item.blocks for item in document.checklist)
        rows.append(("survey", f"number {document.survey_number}: {open_items} blocking"))
    return rows


def _time_rows(document: StatusDocument) -> list[tuple[str, str | Text]]:
    times = (
        ("confirmed", document.confirmed_at),
        ("silent until", document.silent_until),
        ("deletion", document.delete_after),
    )
    rows: list[tuple[str, str | Text]] = [(name, spoken_time(time)) for name, time in times if time]
    if document.remaining_seconds is not None:
        rows.append(("remaining", spoken(document.remaining_seconds)))
    return rows


def _checklist_table(title: str, items: list[ChecklistItem]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_lines=False)
    table.add_column("item", overflow="fold", no_wrap=False)
    table.add_column("what", overflow="fold")
    table.add_column("amount", justify="right", no_wrap=True)
    table.add_column("what to do", overflow="fold")
    for item in items:
        what_to_do = "given up" if item.renounced else item.how_to
        table.add_row(
            plain(item.item_id),
            plain(item.title),
            plain(money_text(item.amount, item.currency)),
            plain(what_to_do),
        )
    return table
