"""Loads one account of the account file's shape into the embedded platform."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert

from connectors.embedded import tables
from connectors.embedded.account_file import parse_account_file
from connectors.embedded.loading import load_accounts
from database import Database


async def load_account(database: Database, account: Mapping[str, Any], *owned: Mapping[str, Any]) -> None:
    """Loads the account and what it owns; its only open sessions are those of the key ``sessions``."""
    entry = {key: value for key, value in account.items() if key != "sessions"}
    text = json.dumps({"accounts": [entry, *owned]}, default=str)
    await load_accounts(database, parse_account_file(text, "test.json"), "test.json")
    default = {"account_id": account["id"], "user_id": "u-1", "started_at": datetime.now(UTC)}
    sessions = [{**default, **session} for session in account.get("sessions", [])]

    def replace_sessions(connection: Connection) -> None:
        connection.execute(delete(tables.sessions).where(tables.sessions.c.account_id == account["id"]))
        if sessions:
            connection.execute(insert(tables.sessions), sessions)

    await database.write(replace_sessions)
