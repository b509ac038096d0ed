"""Passwords of sign-ins: kept only as argon2 hashes, never stored or logged as they are."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, bindparam, select, update

from closure.accounts import Access
from connectors.embedded import tables
from connectors.embedded.sign_ins import default_login
from database import Database
from database.parts import in_parts

if TYPE_CHECKING:
    from connectors.embedded.account_file import AccountEntry

_hasher = PasswordHasher()


async def password_hashes(database: Database, entries: Iterable["AccountEntry"]) -> dict[str, str]:
    """By sign-in, new hashes of the passwords that are not the stored ones.

    Hashing is slow on purpose, so it is done outside a transaction. Accounts closed for good are passed over.
    """
    given = {
        (entry.id, user.login or default_login(entry.id, user.id)): user.password.get_secret_value()
        for entry in entries
        for user in entry.users
        if user.password is not None
    }
    if not given:
        return {}

    def work(connection: Connection) -> tuple[dict[str, str], dict[str, str]]:
        closed = _closed(connection, sorted({account_id for account_id, _ in given}))
        wanted = {login: password for (account, login), password in given.items() if account not in closed}
        return wanted, _stored(connection, list(wanted))

    wanted, stored = await database.read(work)
    hashed = await asyncio.gather(
        *(asyncio.to_thread(_new_hash, password, stored.get(login)) for login, password in wanted.items())
    )
    return {login: fresh for login, fresh in zip(wanted, hashed, strict=True) if fresh is not None}


def set_passwords(connection: Connection, hashes: Mapping[str, str]) -> None:
    """Stores them for sign-ins that are there."""
    if hashes:
        row = tables.logins.c
        statement = update(tables.logins).where(row.login == bindparam("name"))
        connection.execute(
            statement.values(password_hash=bindparam("fresh")),
            [{"name": login, "fresh": fresh} for login, fresh in hashes.items()],
        )


def matches(password: str, password_hash: str | None) -> bool:
    """Whether `password` is the one that was hashed; as slow (a tenth of a second) when there is none."""
    try:
        _hasher.verify(password_hash or _nobodys_hash(), password)
        return password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_hex())


def _new_hash(password: str, stored: str | None) -> str | None:
    if stored is not None and matches(password, stored):
        return None
    return _hasher.hash(password)


def _closed(connection: Connection, account_ids: list[str]) -> set[str]:
    row = tables.accounts.c
    closed: set[str] = set()
    for part in in_parts(account_ids):
        statement = select(row.id).where(row.id.in_(part), row.access == Access.CLOSED)
        closed |= {name for (name,) in connection.execute(statement)}
    return closed


def _stored(connection: Connection, logins: list[str]) -> dict[str, str]:
    row = tables.logins.c
    stored: dict[str, str] = {}
    for part in in_parts(logins):
        statement = select(row.login, row.password_hash).where(
            row.login.in_(part), row.password_hash.is_not(None)
        )
        stored |= dict((connection.execute(statement)).all())
    return stored
