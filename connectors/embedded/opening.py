"""Writes new accounts: their rows, and their opening money through the ledger."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Table, insert, select

from closure.accounts import Access
from closure.money import Money
from connectors.embedded import tables
from connectors.embedded.account_file import AccountEntry, PaymentEntry
from connectors.embedded.ledger import (
    LedgerAccount,
    Movement,
    MovementReason,
    open_provider_accounts,
    post,
    provider_account,
    reference,
)
from connectors.embedded.retention import retention_columns
from connectors.embedded.sign_ins import default_login
from connectors.embedded.tables import LedgerKind
from database.parts import in_parts

OPENING_PAYMENT = "opening"
"""The id of the payment that funded the cash, when the file names none."""

_Row = dict[str, object]


def open_accounts(
    connection: Connection,
    entries: Sequence[AccountEntry],
    parents: Mapping[str, str],
    hashes: Mapping[str, str],
    time: datetime,
) -> None:
    """Writes accounts that are not there yet, each after its parent."""
    _insert(
        connection,
        tables.accounts,
        [
            {
                "id": entry.id,
                "provider": entry.provider,
                "kind": entry.kind,
                "currency": entry.currency,
                "parent_id": parents.get(entry.id),
                "access": Access.OPEN,
                "usage_final_until": entry.usage_final_until,
                "definition_hash": hashes[entry.id],
                **retention_columns(entry.must_retain),
            }
            for entry in entries
        ],
    )
    _insert_logins(connection, entries)
    things: defaultdict[Table, list[_Row]] = defaultdict(list)
    movements: list[Movement] = []
    for entry in entries:
        payments = _payments(entry, time)
        for table, rows in _things(entry, payments, time):
            things[table] += rows
        movements += _opening(entry, payments, time)
    for table, rows in things.items():
        _insert(connection, table, rows)
    open_provider_accounts(connection, [entry.currency for entry in entries])
    post(connection, movements)


def _insert(connection: Connection, table: Table, rows: list[_Row]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _insert_logins(connection: Connection, entries: Iterable[AccountEntry]) -> None:
    wanted = {
        user.login or default_login(entry.id, user.id): user.login is not None
        for entry in entries
        for user in entry.users
    }
    there: set[str] = set()
    for part in in_parts(wanted):
        row = tables.logins.c.login
        there |= {login for (login,) in connection.execute(select(row).where(row.in_(part)))}
    new: list[_Row] = [
        {"login": login, "personal": personal} for login, personal in wanted.items() if login not in there
    ]
    _insert(connection, tables.logins, new)


def _payments(entry: AccountEntry, time: datetime) -> tuple[PaymentEntry, ...]:
    """What funded the cash; by default one payment equal to it."""
    if entry.payments is not None:
        return entry.payments
    if Money.parse(entry.balance.cash, entry.currency).minor <= 0:
        return ()
    return (PaymentEntry(id=OPENING_PAYMENT, amount=entry.balance.cash, paid_at=time),)


def _things(
    entry: AccountEntry, payments: tuple[PaymentEntry, ...], time: datetime
) -> Iterator[tuple[Table, list[_Row]]]:
    """Rows by table, parents before what refers to them."""
    owner: _Row = {"account_id": entry.id}

    def minor(amount: str) -> int:
        return Money.parse(amount, entry.currency).minor

    yield (
        tables.users,
        [
            owner
            | user.model_dump(exclude={"password", "totp"})
            | {"login": user.login or default_login(entry.id, user.id)}
            for user in entry.users
        ],
    )
    yield (
        tables.sessions,
        [
            {**owner, "id": f"s-{number}", "user_id": user.id, "started_at": time}
            for number, user in enumerate(entry.users, start=1)
        ],
    )
    for table, amounts in (
        (tables.bills, entry.bills),
        (tables.credit_notes, entry.credit_notes),
        (tables.payments, payments),
    ):
        yield table, [owner | each.model_dump() | {"amount": minor(each.amount)} for each in amounts]
    yield (
        tables.resources,
        [owner | resource.model_dump(exclude={"depends_on"}) for resource in entry.resources],
    )
    yield (
        tables.resource_dependencies,
        [
            {**owner, "resource_id": resource.id, "depends_on": needed}
            for resource in entry.resources
            for needed in resource.depends_on
        ],
    )
    for table, things in (
        (tables.subscriptions, entry.subscriptions),
        (tables.domains, entry.domains),
        (tables.icp_filings, entry.icp_filings),
        (tables.relationships, entry.relationships),
        (tables.bindings, entry.bindings),
    ):
        yield table, [owner | thing.model_dump() for thing in things]
    yield (
        tables.data_stores,
        [
            owner | store.model_dump(exclude={"must_retain"}) | retention_columns(store.must_retain)
            for store in entry.data
        ],
    )
    yield tables.api_keys, [{**owner, "id": key.id, "enabled": True} for key in entry.api_keys]


def _opening(entry: AccountEntry, payments: tuple[PaymentEntry, ...], time: datetime) -> Iterator[Movement]:
    """Payments come in, and what of them is not there any more was used; so is a debt."""
    currency = entry.currency
    cash_account = LedgerAccount(entry.id, LedgerKind.CASH, currency)
    paid = Money.zero(currency)
    for payment in payments:
        amount = Money.parse(payment.amount, currency)
        paid += amount
        yield Movement(
            provider_account(LedgerKind.EXTERNAL_PAYMENTS, currency),
            cash_account,
            amount,
            MovementReason.PAYMENT,
            reference(entry.id, payment.id),
            payment.paid_at,
        )
    used = paid - Money.parse(entry.balance.cash, currency)
    if used.minor > 0:
        revenue = provider_account(LedgerKind.REVENUE, currency)
        yield Movement(cash_account, revenue, used, MovementReason.USAGE, reference(entry.id), time)
    promo = Money.parse(entry.balance.promo, currency)
    if promo.minor > 0:
        granted = provider_account(LedgerKind.PROMOTIONS_GRANTED, currency)
        promo_account = LedgerAccount(entry.id, LedgerKind.PROMO, currency)
        yield Movement(granted, promo_account, promo, MovementReason.PROMOTION, reference(entry.id), time)
