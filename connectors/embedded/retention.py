"""What the law makes the provider keep: a data store, or an account as a whole, as the account file says."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Table, select, update

from closure.errors import RefusalType, Refused
from connectors.embedded import tables
from connectors.embedded.account_file import MustRetainEntry
from connectors.embedded.accounts import lock_account
from connectors.ports import MustRetain
from database import Database


def retention_columns(entry: MustRetainEntry | None) -> dict[str, object]:
    """How the law's word stands in a row."""
    because, until = (None, None) if entry is None else (entry.because, entry.until)
    return {"must_retain_because": because, "must_retain_until": until}


def retention_in(row: Mapping[str, object]) -> MustRetainEntry | None:
    """What such columns say."""
    because, until = row["must_retain_because"], row["must_retain_until"]
    if because is None:
        return None
    return MustRetainEntry.model_validate({"because": because, "until": until})


def account_retention(connection: Connection, account_id: str) -> MustRetainEntry | None:
    """Why the account as a whole has to stay, and until when; None where nothing keeps it."""
    return _retention(connection, tables.accounts, tables.accounts.c.id == account_id)


def refuse_retained_account(connection: Connection, account_id: str, time: datetime) -> None:
    """Raises `MustRetain` as long as the account as a whole has to stay.

    A closure asks with the time of its first attempt, however often it comes: so the wall clock counts, too.
    """
    _refuse(account_retention(connection, account_id), max(time, datetime.now(UTC)))


def refuse_retained_store(connection: Connection, account_id: str, store_id: str) -> None:
    """Raises `MustRetain` as long as the data store has to stay."""
    found = _retention(connection, tables.data_stores, _is_store(account_id, store_id))
    _refuse(found, datetime.now(UTC))


async def keep_by_law(
    database: Database, account_id: str, entry: MustRetainEntry, *, store_id: str | None = None
) -> None:
    """From now on the account as a whole, or the data store, has to stay; again changes ground and end.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`, `ACCOUNT_CLOSED` or `THING_NOT_FOUND`.
    """
    await _set(database, account_id, store_id, entry)


async def let_go(database: Database, account_id: str, *, store_id: str | None = None) -> bool:
    """The law no longer keeps the account as a whole, or the data store; False when it didn't.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`, `ACCOUNT_CLOSED` or `THING_NOT_FOUND`.
    """
    return await _set(database, account_id, store_id, None)


async def _set(
    database: Database, account_id: str, store_id: str | None, entry: MustRetainEntry | None
) -> bool:
    """Whether anything is otherwise than before."""

    def work(connection: Connection) -> bool:
        lock_account(connection, account_id).refuse_closed()
        table, which = tables.accounts, tables.accounts.c.id == account_id
        if store_id is not None:
            table, which = tables.data_stores, _is_store(account_id, store_id)
        before = _retention(connection, table, which)
        changed = connection.execute(update(table).where(which).values(retention_columns(entry)))
        if changed.rowcount == 0:
            raise Refused(
                RefusalType.THING_NOT_FOUND,
                f"account {account_id!r} has no data store {store_id!r}",
                facts={"account_id": account_id, "id": store_id},
            )
        return before != entry

    return await database.write(work)


def _is_store(account_id: str, store_id: str) -> ColumnElement[bool]:
    row = tables.data_stores.c
    return (row.account_id == account_id) & (row.id == store_id)


def _retention(connection: Connection, table: Table, which: ColumnElement[bool]) -> MustRetainEntry | None:
    columns = (table.c.must_retain_because, table.c.must_retain_until)
    row = connection.execute(select(*columns).where(which)).mappings().one_or_none()
    return None if row is None else retention_in({**row})


def _refuse(entry: MustRetainEntry | None, now: datetime) -> None:
    if entry is not None and (entry.until is None or now < entry.until):
        raise MustRetain(entry.because, entry.until)
