"""With a million accounts no statement of the program reads a whole table that grows with them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, Engine, event, text

from closure.lifecycle import Outcome, Stage
from records.deliveries import DeliveryRecords
from records.listing import ClosureFilter, ClosureLists
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.postgresql.lives import deleted, family, given_back
from tests.postgresql.many_accounts import SMALL, fill
from tests.web.api_driver import opened_api
from tests.web.customer_driver import visiting
from tests.web.staff_driver import signed_in

pytestmark = [pytest.mark.postgresql, pytest.mark.long, pytest.mark.timeout(900)]

Values = Mapping[str, object]
Statements = dict[str, Values]
"""By their text, each with the values that it came with first."""

COUNTS_MOST: Final = re.compile(
    r"SELECT (record_closures\.stage \|\| \S+ AS anon_1, )?count\(\*\) AS count_1 FROM record_closures WHERE "
    r"(record_closures\.provider = \S+|(\(record_closures\.provider \|\| \S+\) = \S+ AND )?"
    r"record_closures\.opened_at < \S+ WITH TIME ZONE)( GROUP BY .*)?"
)
"""Counts of a provider's closures, or of those opened before a day: what is counted may be most of the table,
so that no index makes it less. Only lists that somebody looks at count so.
"""
NOW: Final = datetime.now(UTC)


@contextmanager
def noted() -> Iterator[Statements]:
    """What the program's connections to PostgreSQL say meanwhile."""
    statements: Statements = {}

    def note(
        connection: Connection,
        _cursor: object,
        statement: str,
        parameters: Values | Sequence[Values],
        _context: object,
        _many: bool,
    ) -> None:
        if connection.dialect.name == "postgresql":
            first = parameters if isinstance(parameters, Mapping) else parameters[0]
            statements.setdefault(statement, first)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def filters() -> Iterator[ClosureFilter]:
    """Every way to ask for a list, alone and for one provider."""
    for provider in (None, "provider-1"):
        yield ClosureFilter(provider=provider)
        yield ClosureFilter(provider=provider, stage=Stage.BLOCKED)
        yield ClosureFilter(provider=provider, outcome=Outcome.RESTORED)
        yield ClosureFilter(provider=provider, blocked_by="check-1")
        yield ClosureFilter(provider=provider, waiting=True)
        yield ClosureFilter(provider=provider, waiting_for="legal_hold")
        yield ClosureFilter(provider=provider, late=True)
        yield ClosureFilter(provider=provider, overdue=True)
        yield ClosureFilter(provider=provider, interrupted=True)
        yield ClosureFilter(provider=provider, opened_after=NOW - timedelta(days=1))
        yield ClosureFilter(provider=provider, opened_before=NOW - timedelta(days=1))
        yield ClosureFilter(provider=provider, ends_before=NOW + timedelta(days=1))
        yield ClosureFilter(provider=provider, ends_after=NOW, ends_before=NOW + timedelta(days=1))
        yield ClosureFilter(provider=provider, account_ids=("account_id-1000003", "account_id-1000004"))


async def look_and_act(installation: TestInstallation, folder: Path) -> None:
    """Everything that is asked of the database."""
    account = await deleted(installation)
    await given_back(installation)
    await family(installation)
    lists = ClosureLists(installation.client_record)
    for wanted in filters():
        await lists.page(wanted, after=900_000)
        await lists.count(wanted)
        await lists.totals([wanted])
    for provider in (None, "provider-1"):
        await lists.blocked_by(provider)
        await lists.waiting_for(provider)
    async with opened_api(installation, folder / "tokens.json") as api:
        open_one = await api.account()
        await api.close(open_one)
        for path in ("", "/items", "/audit"):
            await api.get(f"/closures/{open_one.closure_id}{path}")
        await api.post(f"/closures/{open_one.closure_id}/recheck", key="once")
        await api.get(f"/accounts/{open_one.account_id}/plan")
        await api.get(f"/accounts/{open_one.account_id}/closure")
        async with visiting(api, open_one) as customer:
            await customer.open()
        async with signed_in(api) as staff:
            await staff.get("/staff")
            for tab in ("blocked", "waiting", "late", "overdue", "interrupted", "ending", "brakes"):
                await staff.get(f"/staff?tab={tab}")
            for query in (account.closure_id, account.account_id, "owner@one.example", "nobody"):
                await staff.search(query)
            await staff.get(f"/staff/closures/{account.closure_id}")
    deliveries = DeliveryRecords(installation.database)
    await deliveries.settle("d", None)
    await deliveries.settled(["d"])


def whole_reads(connection: Connection, statements: Statements) -> dict[str, list[str]]:
    """The growing tables of which each statement would read every row, by the server's plan."""
    found: dict[str, list[str]] = {}
    for statement, values in statements.items():
        if not statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")) or COUNTS_MOST.fullmatch(
            " ".join(statement.split())
        ):
            continue
        plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
        read = [name for name in _read_whole(plan[0]["Plan"]) if name not in SMALL]
        if read:
            found[statement] = read
    return found


def _read_whole(node: Mapping[str, object]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield str(node["Relation Name"])
    children = node.get("Plans", [])
    assert isinstance(children, list)
    for child in children:
        yield from _read_whole(child)


async def test_no_statement_reads_a_whole_table_of_a_million_accounts(
    installations: InstallationBuilder, tmp_path: Path
) -> None:
    async with installations.open() as installation:
        with noted() as statements:
            await look_and_act(installation, tmp_path)
        await installation.database.write(fill)
        with installation.database._engine.connect() as connection:
            plain = connection.execution_options(isolation_level="AUTOCOMMIT")
            plain.execute(text("VACUUM ANALYZE"))
            found = whole_reads(plain, statements)
    assert len(statements) > 200
    assert found == {}
