"""Long lists, cut into what one statement may hold, and read without having all rows in hand."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, CursorResult, Select, Table, delete, select

Value = TypeVar("Value")

_AT_ONCE: Final = 500
"""SQLite and PostgreSQL bound the values of a statement."""


def in_parts(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values in their order, in parts short enough for one statement; none for no values."""
    remaining = iter(values)
    while part := list(islice(remaining, _AT_ONCE)):
        yield part


def row_by_row(connection: Connection, query: Select[*tuple[Any, ...]]) -> CursorResult[*tuple[Any, ...]]:
    """The query's rows, of which few are in hand at a time."""
    return connection.execute(query, execution_options={"yield_per": _AT_ONCE})


def delete_some(
    connection: Connection, table: Table, key: ColumnElement[str], *conditions: ColumnElement[bool]
) -> None:
    """Deletes rows that are of no use any more, but none that another transaction works on, and not all.

    So nobody waits for who cleans up at the same moment; what is left goes the next time.
    """
    found = connection.scalars(
        select(key).where(*conditions).limit(_AT_ONCE).with_for_update(skip_locked=True)
    ).all()
    if found:
        connection.execute(delete(table).where(key.in_(found)))


class InOrder:
    """A query that is built once; its rows come in the order of `texts` as Python has it, everywhere."""

    def __init__(self, query: Select[*tuple[Any, ...]], *texts: ColumnElement[str]) -> None:
        # SQLite orders by code points anyway.
        self._plain = query.order_by(*texts)
        self._by_code_point = query.order_by(*(text.collate("C") for text in texts))

    def rows(self, connection: Connection, values: Mapping[str, object]) -> CursorResult[*tuple[Any, ...]]:
        """Of which few are in hand at a time."""
        query = self._by_code_point if connection.dialect.name == "postgresql" else self._plain
        return connection.execute(query, values, execution_options={"yield_per": _AT_ONCE})
