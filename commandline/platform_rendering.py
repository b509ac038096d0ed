"""Accounts of the embedded platform for people: what is there, what was sent, what to do next."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table

from closure.accounts import Access
from commandline.countdown import spoken_time
from commandline.layout import bullet_list, facts_table, money_text
from commandline.next_step import command
from commandline.terminal import plain

if TYPE_CHECKING:
    from connectors.embedded.account_file import MustRetainEntry
    from connectors.embedded.exhibit import SentMessage, ShownAccount, ShownDue
    from connectors.embedded.loading import LoadedAccount

SHOWN_AT_MOST = 20
"""Rows of one kind that a person is shown; ``--json`` shows all."""

_ACCESS: Mapping[Access, str] = {
    Access.OPEN: "open: in normal use",
    Access.CLOSURE_STATUS_ONLY: "stopped by its closure: signing in shows the closure's status only",
    Access.STOPPED: "stopped",
    Access.CLOSED: "closed for good",
}


def with_next(said: str, *steps: str) -> RenderableType:
    """What happened in one line, and what can be done now."""
    return Group(plain(said), bullet_list("Next", steps))


def loaded_text(loaded: Sequence["LoadedAccount"]) -> RenderableType:
    """What became of each account of a file."""
    if not loaded:
        return "The file holds no accounts; nothing was loaded."
    rows = [(account.account_id, account.provider, account.result.value) for account in loaded]
    steps = [
        f"See what is there: {command('platform', 'show', loaded[0].account_id)}",
        f"See what a closure would do: {command('plan', loaded[0].account_id)}",
    ]
    return Group(_table("Accounts", ("account", "provider", "result"), rows), bullet_list("Next", steps))


def account_text(account: "ShownAccount") -> RenderableType:
    """The account's facts, and one table for each kind of thing that it has."""
    tables = [
        _table(title, columns, rows)
        for title, columns, rows in (
            *_money_tables(account),
            *_thing_tables(account),
            *_people_tables(account),
        )
        if rows
    ]
    return Group(_facts(account), *tables, bullet_list("Next", _next_steps(account)))


def outbox_text(account_id: str, messages: Sequence["SentMessage"]) -> RenderableType:
    """Every message, in sending order."""
    if not messages:
        return with_next(
            f"No message was sent to account {account_id}.",
            "Send a code: "
            + command("challenge", account_id, options=["--as", "USER", "--method", "email_code"]),
        )
    shown: list[RenderableType] = []
    for message in messages:
        head = f"{message.id}  {spoken_time(message.time)}  {message.channel.value}  "
        shown.append(plain(f"{head}{message.template} ({message.language})", style="bold"))
        if message.subject:
            shown.append(plain(f"Subject: {message.subject}"))
        shown.append(plain(message.body or "(blanked: the account is deleted)"))
    return Group(*shown)


def _table(title: str, columns: Iterable[str], rows: Sequence[Sequence[str]]) -> Table:
    more = len(rows) - SHOWN_AT_MOST
    caption = f"and {more} more; --json shows all" if more > 0 else None
    table = Table(
        title=title, title_justify="left", title_style="bold", caption=caption, caption_justify="left"
    )
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows[:SHOWN_AT_MOST]:
        table.add_row(*(plain(cell) for cell in row))
    return table


def _facts(account: "ShownAccount") -> RenderableType:
    rows: list[tuple[str, str]] = [
        ("account", f"{account.id}  ({account.provider}, {account.kind})"),
        ("access", _ACCESS[account.access]),
    ]
    rows += [
        (name, spoken_time(time))
        for name, time in (
            ("stopped at", account.stopped_at),
            ("closed at", account.closed_at),
            ("usage final until", account.usage_final_until),
        )
        if time
    ]
    rows += [
        ("cash", money_text(account.balance.cash, account.currency)),
        ("promo", money_text(account.balance.promo, account.currency)),
    ]
    if account.must_retain:
        rows.append(("must be kept", _retention_text(account.must_retain)))
    if account.parent:
        rows.append(("subaccount of", account.parent))
    rows += [
        (name, ", ".join(members))
        for name, members in (
            ("subaccounts", account.subaccounts),
            ("service roles", account.service_roles),
            ("dues with billing", [_due_text(due, account.currency) for due in account.dues]),
        )
        if members
    ]
    return facts_table(rows)


def _retention_text(kept: "MustRetainEntry | None") -> str:
    if kept is None:
        return ""
    until = "until further notice" if kept.until is None else f"until {spoken_time(kept.until)}"
    return f"{kept.because}, {until}"


def _due_text(due: "ShownDue", currency: str) -> str:
    what = due.kind.value if due.id is None else f"{due.kind.value}/{due.id}"
    return f"{what} {money_text(due.amount, currency)}"


_Section = tuple[str, tuple[str, ...], list[tuple[str, ...]]]


def _money_tables(account: "ShownAccount") -> tuple[_Section, ...]:
    currency = account.currency
    return (
        (
            "Bills",
            ("bill", "amount", "status", "product"),
            [
                (bill.id, money_text(bill.amount, currency), bill.status.value, bill.product or "")
                for bill in account.bills
            ],
        ),
        (
            "Credit notes",
            ("credit note", "amount", "status"),
            [
                (note.id, money_text(note.amount, currency), note.status.value)
                for note in account.credit_notes
            ],
        ),
        (
            "Payments",
            ("payment", "amount", "paid at"),
            [
                (payment.id, money_text(payment.amount, currency), spoken_time(payment.paid_at))
                for payment in account.payments or ()
            ],
        ),
    )


def _thing_tables(account: "ShownAccount") -> tuple[_Section, ...]:
    return (
        (
            "Resources",
            ("resource", "product", "billing", "renounceable", "needs"),
            [
                (
                    each.id,
                    each.product,
                    each.billing.value,
                    _yes(each.renounceable),
                    ", ".join(each.depends_on),
                )
                for each in account.resources
            ],
        ),
        (
            "Subscriptions",
            ("subscription", "product", "expires", "renounceable"),
            [
                (each.id, each.product, spoken_time(each.expires_at), _yes(each.renounceable))
                for each in account.subscriptions
            ],
        ),
        ("Domains", ("domain",), [(domain.id,) for domain in account.domains]),
        ("ICP filings", ("filing",), [(filing.id,) for filing in account.icp_filings]),
        (
            "Relationships",
            ("relationship", "type", "role"),
            [
                (each.id, each.type.value, each.role.value if each.role else "")
                for each in account.relationships
            ],
        ),
        ("Bindings", ("binding", "third party"), [(each.id, each.third_party) for each in account.bindings]),
        (
            "Data",
            ("data", "store", "objects", "must be kept"),
            [
                (each.id, each.store, str(each.objects), _retention_text(each.must_retain))
                for each in account.data
            ],
        ),
    )


def _people_tables(account: "ShownAccount") -> tuple[_Section, ...]:
    return (
        (
            "Users",
            ("user", "role", "e-mail", "phone", "language"),
            [
                (user.id, user.role, user.email or "", user.phone or "", user.language)
                for user in account.users
            ],
        ),
        ("API keys", ("key", "enabled"), [(key.id, _yes(key.enabled)) for key in account.api_keys]),
        (
            "Sessions",
            ("session", "user", "since"),
            [
                (session.id, session.user_id or "", spoken_time(session.started_at))
                for session in account.sessions
            ],
        ),
    )


def _next_steps(account: "ShownAccount") -> tuple[str, ...]:
    match account.access:
        case Access.OPEN:
            return (
                f"See what a closure would do: {command('plan', account.id)}",
                f"See whether one is under way: {command('status', account.id)}",
            )
        case Access.CLOSED:
            return (f"The evidence of its closure: {command('audit', account.id, options=['--verify'])}",)
        case _:
            return (f"See how its closure stands: {command('status', account.id)}",)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
