"""What the platform shows of an account: the account as it stands, and the messages that were sent to it."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Row, Table, select

from closure.accounts import Access, Channel
from closure.model import Instant, Model
from closure.money import format_minor
from closure.policy_checks import Inspects
from connectors.embedded import tables
from connectors.embedded.account_file import (
    AccountDescription,
    BalanceEntry,
    BillEntry,
    BindingEntry,
    CreditNoteEntry,
    DataEntry,
    PaymentEntry,
    RelationshipEntry,
    ResourceEntry,
    SubscriptionEntry,
    ThingEntry,
    User,
)
from connectors.embedded.accounts import Account, find_account
from connectors.embedded.billing import read_statement
from connectors.embedded.inventory import read_inventory
from connectors.embedded.retention import account_retention, retention_in
from database import Database


class Session(Model):
    id: str
    user_id: str | None
    started_at: Instant


class ApiKey(ThingEntry):
    enabled: bool


class ShownDue(Model):
    """What billing looks after since the account was closed; `id` is that of a bill or credit note."""

    kind: Inspects
    id: str | None
    amount: str
    handed_over_at: Instant


class ShownAccount(AccountDescription):
    """An account in the account file's shape, and what a file can't say. No passwords, no messages."""

    api_keys: tuple[ApiKey, ...]
    access: Access
    parent: str | None
    stopped_at: Instant | None
    closed_at: Instant | None
    sessions: tuple[Session, ...]
    service_roles: tuple[str, ...]
    dues: tuple[ShownDue, ...]


class SentMessage(Model):
    """One message to one user; its texts are empty once the account is deleted.

    `subject` and `html` are an e-mail's; one of before there was HTML has none.
    """

    id: int
    channel: Channel
    template: str
    language: str
    subject: str | None
    body: str
    html: str | None
    time: Instant


_Rows = Sequence[Mapping[str, object]]
_NOT_SHOWN = frozenset({"account_id", "disabled_by_stop"})


async def show_account(database: Database, account_id: str) -> ShownAccount:
    """The account in one consistent view; of a deleted one, what is left.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    return await database.read(lambda connection: _shown(connection, find_account(connection, account_id)))


async def read_outbox(database: Database, account_id: str) -> tuple[SentMessage, ...]:
    """All messages to the account's users, in sending order.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    row = tables.outbox.c

    def work(connection: Connection) -> tuple[SentMessage, ...]:
        find_account(connection, account_id)
        found = connection.execute(
            select(
                *(row.id, row.channel, row.template, row.language),
                *(row.subject, row.body, row.html, row.time),
            )
            .where(row.account_id == account_id)
            .order_by(row.id)
        )
        return tuple(SentMessage.model_validate(dict(message)) for message in found.mappings())

    return await database.read(work)


def _shown(connection: Connection, account: Account) -> ShownAccount:
    def rows(table: Table) -> _Rows:
        columns = [column for column in table.c if column.name not in _NOT_SHOWN]
        found = connection.execute(select(*columns).where(table.c.account_id == account.account_id))
        return sorted((dict(row) for row in found.mappings()), key=lambda row: str(row["id"]))

    statement = read_statement(connection, account)
    inventory = read_inventory(connection, account.account_id)
    return ShownAccount(
        id=account.account_id,
        provider=account.provider,
        kind=account.kind,
        currency=account.currency,
        users=_users(connection, account.account_id),
        balance=BalanceEntry(cash=str(statement.cash), promo=str(statement.promo)),
        bills=tuple(map(BillEntry.model_validate, _with_amounts(rows(tables.bills), account))),
        credit_notes=tuple(
            map(CreditNoteEntry.model_validate, _with_amounts(rows(tables.credit_notes), account))
        ),
        resources=tuple(
            ResourceEntry(
                id=resource.resource_id,
                product=resource.product,
                billing=resource.billing,
                renounceable=resource.renounceable,
                depends_on=resource.depends_on,
            )
            for resource in inventory.resources
        ),
        subscriptions=tuple(map(SubscriptionEntry.model_validate, rows(tables.subscriptions))),
        domains=tuple(ThingEntry(id=name) for name in inventory.domains),
        icp_filings=tuple(ThingEntry(id=name) for name in inventory.icp_filings),
        relationships=tuple(map(RelationshipEntry.model_validate, rows(tables.relationships))),
        bindings=tuple(map(BindingEntry.model_validate, rows(tables.bindings))),
        data=tuple(map(_data_entry, rows(tables.data_stores))),
        api_keys=tuple(map(ApiKey.model_validate, rows(tables.api_keys))),
        payments=tuple(map(PaymentEntry.model_validate, _with_amounts(rows(tables.payments), account))),
        subaccounts=_subaccounts(connection, account.account_id),
        usage_final_until=account.usage_final_until,
        must_retain=account_retention(connection, account.account_id),
        access=account.access,
        parent=account.parent_id,
        stopped_at=account.stopped_at,
        closed_at=account.closed_at,
        sessions=tuple(map(Session.model_validate, rows(tables.sessions))),
        service_roles=tuple(str(row["id"]) for row in rows(tables.service_roles)),
        dues=tuple(
            ShownDue.model_validate({**row, "id": row["id"] or None})
            for row in _with_amounts(rows(tables.dues), account)
        ),
    )


def _data_entry(row: Mapping[str, object]) -> DataEntry:
    kept = retention_in(row)
    said = {name: value for name, value in row.items() if not name.startswith("must_retain_")}
    return DataEntry.model_validate({**said, "must_retain": kept})


def _with_amounts(rows: _Rows, account: Account) -> list[dict[str, object]]:
    return [{**row, "amount": format_minor(_minor(row), account.currency)} for row in rows]


def _minor(row: Mapping[str, object]) -> int:
    amount = row["amount"]
    assert isinstance(amount, int)
    return amount


def _users(connection: Connection, account_id: str) -> tuple[User, ...]:
    """A sign-in is shown where the account's file named it."""
    user, login = tables.users.c, tables.logins.c
    rows = connection.execute(
        select(user.id, user.role, user.login, login.personal, user.email, user.phone, user.language)
        .join_from(tables.users, tables.logins)
        .where(user.account_id == account_id)
    )
    return tuple(
        User(
            id=name,
            role=role,
            login=sign_in if personal else None,
            email=email,
            phone=phone,
            language=language,
        )
        for name, role, sign_in, personal, email, phone, language in sorted(rows)
    )


def _subaccounts(connection: Connection, account_id: str) -> tuple[str, ...]:
    row = tables.accounts.c
    rows: Sequence[Row[str]] = (connection.execute(select(row.id).where(row.parent_id == account_id))).all()
    return tuple(sorted(name for (name,) in rows))
