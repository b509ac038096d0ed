"""A database as it is with a million accounts: rows made by the server itself, of which nobody reads all."""

from typing import Final

from sqlalchemy import Boolean, Column, Connection, DateTime, Integer, LargeBinary, Table, text

from connectors.embedded import tables as platform
from records import tables as record

ACCOUNTS: Final = 1_000_000
FEWER: Final = 100_000
"""Rows of every other table: enough that reading all of them costs more than any index."""

SMALL: Final = frozenset(
    {
        "record_installation",  # one row
        "record_lookbacks",  # one for each restored backup
        "record_policies",  # one for each version of a policy
        "record_brakes",  # one for each time that operators put one on
    }
)
"""They don't grow with accounts."""

_STAGES: Final = (
    *("deleted" for _ in range(12)),
    *("expired", "expired", "ready", "silent", "silent", "retained", "final_check", "expired"),
)
# Few are blocked at any time: what blocks a tenth of all accounts is counted best by reading everything, or
# not, as the server's samples fall.
_STAGE: Final = (
    f"CASE WHEN n % 10000 = 12 THEN 'blocked' ELSE (ARRAY[{', '.join(map(repr, _STAGES))}])[n % 20 + 1] END"
)
_OUTCOME: Final = f"CASE WHEN ({_STAGE}) IN ('deleted', 'expired') THEN ({_STAGE}) END"
_CHOSEN: Final[dict[str, str]] = {
    "record_closures.stage": _STAGE,
    "record_closures.outcome": _OUTCOME,
    "record_closures.owner_closure_id": "CASE WHEN n % 50 = 0 THEN 'closure_id-' || n + 1 END",
    "record_closures.provider": "'provider-' || n % 2",
    "record_closures.opened_at": "now() - n * interval '1 minute'",
    "record_closures.deadline": (
        f"CASE WHEN ({_OUTCOME}) IS NULL THEN now() + (n % 40000) * interval '1 minute' END"
    ),
    "record_closures.waiting_for": "CASE WHEN n % 1000 = 18 THEN 'legal_hold' END",
    "record_closures.interrupted_at": "CASE WHEN n % 5000 = 14 THEN now() END",
    "record_closures.refund_due_by": "CASE WHEN n % 20 = 17 THEN now() + (n % 20 - 2) * interval '1 day' END",
    "record_items.check_id": "'check-' || n % 10",
    "record_items.category": "'manual'",
    "record_account_keys.destroyed_at": "NULL",
    # Who comes next cleans these up: few are older than they may be.
    "record_web_links.expires_at": "now() - (n % 400) * interval '1 minute'",
    "record_web_sessions.began_at": "now() - (n % 400) * interval '1 minute'",
    "record_idempotency.began_at": "now() - (n % 1400) * interval '1 minute'",
    "platform_accounts.parent_id": "CASE WHEN n % 50 = 0 THEN 'account_id-' || n + 1 END",
    "platform_accounts.access": "'open'",
    "platform_accounts.closed_at": "NULL",
    "platform_accounts.stopped_by": "CASE WHEN n % 20 = 15 THEN 'account_id-' || n END",
    "platform_ledger_accounts.kind": "'cash'",
    "platform_ledger_movements.credit_account": "n + 1",
    "platform_refunds.settled": "0",
}


def fill(connection: Connection) -> None:
    """Adds the rows to a database that may have some, and has the server look at them."""
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    for metadata in (record.metadata, platform.metadata):
        for table in metadata.sorted_tables:
            if table.name not in SMALL:
                _fill(connection, table)


def _fill(connection: Connection, table: Table) -> None:
    number = ACCOUNTS if table in (record.record_closures, platform.accounts) else FEWER
    names = ", ".join(each.name for each in table.columns)
    values = ", ".join(_value(table, each) for each in table.columns)
    # Numbers that no row of the tests has.
    series = f"generate_series(1000000, {999_999 + number}) n"
    connection.execute(text(f"INSERT INTO {table.name} ({names}) SELECT {values} FROM {series}"))


def _value(table: Table, column: Column[object]) -> str:
    chosen = _CHOSEN.get(f"{table.name}.{column.name}")
    if chosen is not None:
        return chosen
    if column.name == "currency":
        return "'USD'"
    if isinstance(column.type, Boolean):
        return "false"
    if isinstance(column.type, DateTime) or "DateTime" in type(column.type).__name__:
        return "now() - (n % 1000000) * interval '1 minute'"
    if isinstance(column.type, Integer):
        return "n"
    if isinstance(column.type, LargeBinary):
        return "'x'::bytea"
    if type(column.type).__name__ == "JSON":
        return "'{}'::json"
    name = "account_id" if table is platform.accounts and column.name == "id" else column.name
    length = getattr(column.type, "length", None)
    return f"left('{name}-' || n, {length})" if length else f"'{name}-' || n"
