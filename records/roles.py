"""What a client may do to the record on PostgreSQL: read it and write acts, but no step, stage or event.

Whoever serves customers (a page, a console) connects as a member of this role; workers and operators own the
tables. On SQLite there are no roles: who can write the file can write all of it.
"""

from typing import Final

from sqlalchemy import Connection, func, select, text

from database import Database
from records.schema import MIGRATIONS
from records.tables import (
    metadata,
    record_account_keys,
    record_acts,
    record_brakes,
    record_challenges,
    record_closures,
    record_guesses,
    record_idempotency,
    record_proofs,
    record_settlements,
    record_web_links,
    record_web_sessions,
)

CLIENT_ROLE: Final = "closure_client"
"""A group role; whoever may act as a client is made a member of it."""

_READS: Final = (MIGRATIONS.version_table, *sorted(metadata.tables))
_INSERTS: Final = (
    *(record_acts, record_challenges, record_guesses, record_proofs, record_account_keys),
    *(record_idempotency, record_web_links, record_web_sessions),
)
_PASSING: Final = (
    *(record_challenges, record_guesses),
    *(record_idempotency, record_web_links, record_web_sessions),
)
"""Codes that are used up, guesses that were right after all, answers that are kept for a day, sessions."""


def may_operate(connection: Connection) -> bool:
    """Whether this user may write what operators do: brakes, and payments of refunds. A client may not."""
    if connection.dialect.name == "sqlite":
        return True
    written = ((record_brakes, "INSERT"), (record_settlements, "INSERT"), (record_closures, "UPDATE"))
    asked = select(*(func.has_table_privilege(table.name, right) for table, right in written))
    return all(connection.execute(asked).one())


async def grant_client_role(database: Database) -> bool:
    """Grants the role what it needs, where the server has it; whether it does. Again changes nothing.

    Raises:
        DatabaseUnreachable: it isn't reachable, or the user may not grant.
    """
    return False if database.is_sqlite else await database.write(_grant)


def _grant(connection: Connection) -> bool:
    known = connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": CLIENT_ROLE})
    if known is None:
        return False
    connection.execute(text(f"GRANT SELECT ON {', '.join(_READS)} TO {CLIENT_ROLE}"))
    for table in _INSERTS:
        connection.execute(text(f"GRANT INSERT ON {table.name} TO {CLIENT_ROLE}"))
    for table in _PASSING:
        connection.execute(text(f"GRANT UPDATE, DELETE ON {table.name} TO {CLIENT_ROLE}"))
    # It gives up its own acts; a lapsed act is carried out by nobody.
    connection.execute(text(f"GRANT UPDATE (status, ended_at, answer) ON record_acts TO {CLIENT_ROLE}"))
    return True
