"""Loads one account of the account file's shape into the embedded platform."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.embedded import tables
from connectors.embedded.account_file import parse_account_file
from connectors.embedded.loading import load_accounts
from database.engine import transaction


async def load_account(engine: AsyncEngine, account: Mapping[str, Any], *owned: Mapping[str, Any]) -> None:
    """Loads the account and what it owns; its only open sessions are those of the key ``sessions``."""
    entry = {key: value for key, value in account.items() if key != "sessions"}
    text = json.dumps({"accounts": [entry, *owned]}, default=str)
    await load_accounts(engine, parse_account_file(text, "test.json"), "test.json")
    default = {"account_id": account["id"], "user_id": "u-1", "started_at": datetime.now(UTC)}
    sessions = [{**default, **session} for session in account.get("sessions", [])]
    async with transaction(engine) as connection:
        await connection.execute(delete(tables.sessions).where(tables.sessions.c.account_id == account["id"]))
        if sessions:
            await connection.execute(insert(tables.sessions), sessions)
