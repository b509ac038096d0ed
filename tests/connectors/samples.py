"""Accounts as files give them, and what tests read of the platform."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, func, select

from closure.accounts import Access
from connectors.embedded import tables
from connectors.embedded.account_file import parse_account_file
from connectors.embedded.exhibit import ShownAccount, show_account
from connectors.embedded.ledger import sum_of_postings
from connectors.embedded.loading import LoadResult, load_accounts
from connectors.ports import Platform, StoppedAccounts
from database import Database

Json = dict[str, Any]

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FILE = "accounts.json"


def account(account_id: str = "a-1", **changes: object) -> Json:
    """An account with two users and nothing else, but for what `changes` add."""
    return {
        "id": account_id,
        "provider": "alibaba-cloud",
        "kind": "standard",
        "currency": "USD",
        "users": [
            {"id": "u-1", "role": "main", "email": "owner@example.com", "phone": "+15550100"},
            {"id": "u-2", "role": "ram", "email": "dev@example.com", "language": "zh-CN"},
        ],
        **changes,
    }


async def load(database: Database, *accounts: Json) -> dict[str, LoadResult]:
    """Loads a file of these accounts; what became of each."""
    file = parse_account_file(json.dumps({"accounts": accounts}), FILE)
    return {each.account_id: each.result for each in await load_accounts(database, file, FILE)}


async def show(database: Database, account_id: str = "a-1") -> ShownAccount:
    return await show_account(database, account_id)


async def count(database: Database, table: Table) -> int:
    query = select(func.count()).select_from(table)
    return int(await database.read(lambda connection: connection.execute(query).scalar_one()))


async def everything(database: Database) -> dict[str, list[Json]]:
    """All rows of all tables."""

    def work(connection: Connection) -> dict[str, list[Json]]:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
            ]
            for table in tables.metadata.sorted_tables
        }

    return await database.read(work)


async def ledger_sum(database: Database) -> int:
    return await database.read(sum_of_postings)


async def stop(
    platform: Platform,
    account_id: str = "a-1",
    *,
    access: Access = Access.CLOSURE_STATUS_ONLY,
    key: str | None = None,
    time: datetime = NOON,
) -> StoppedAccounts:
    return await platform.access.stop(account_id, access=access, key=key or f"{account_id}/stop", time=time)


async def bring_to(platform: Platform, access: Access, account_id: str = "a-1") -> None:
    """Stops or closes the account as a closure does."""
    if access in (Access.CLOSURE_STATUS_ONLY, Access.CLOSED):
        await stop(platform, account_id)
    if access is Access.CLOSED:
        await platform.access.close(account_id, key=f"{account_id}/close", time=NOON)
