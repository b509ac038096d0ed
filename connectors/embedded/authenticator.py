"""Authenticator apps (TOTP, RFC 6238): six digits every thirty seconds, each good once."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import Connection, select, update

from connectors.embedded import tables
from connectors.embedded.sign_ins import authenticator_key, default_login
from database import Database

if TYPE_CHECKING:
    from connectors.embedded.account_file import AccountEntry

_DIGITS: Final = 6
_STEP_SECONDS: Final = 30
# A clock that is a step behind or ahead still fits.
_DRIFT: Final = (0, -1, 1)


def set_secrets(connection: Connection, entries: Iterable["AccountEntry"]) -> None:
    """Stores the secrets that the file gives, for sign-ins that are there; another secret starts afresh."""
    row = tables.logins.c
    for entry in entries:
        for user in entry.users:
            if user.totp is None:
                continue
            secret = user.totp.get_secret_value()
            connection.execute(
                update(tables.logins)
                .where(row.login == (user.login or default_login(entry.id, user.id)))
                .where(row.totp_secret.is_distinct_from(secret))
                .values(totp_secret=secret, totp_counter=None)
            )


async def use_code(database: Database, account_id: str, user_id: str, code: str, now: datetime) -> bool:
    """Whether it is a current code of the user's app that was not used before; it is used up then."""
    user, login = tables.users.c, tables.logins.c

    def work(connection: Connection) -> bool:
        found = (
            connection.execute(
                select(login.login, login.totp_secret, login.totp_counter)
                .join_from(tables.users, tables.logins)
                .where(user.account_id == account_id, user.id == user_id, login.totp_secret.is_not(None))
                .with_for_update(of=tables.logins)
            )
        ).one_or_none()
        if found is None:
            return False
        counter = _matching_step(authenticator_key(found.totp_secret), code, now)
        if counter is None or (found.totp_counter is not None and counter <= found.totp_counter):
            return False
        connection.execute(
            update(tables.logins).where(login.login == found.login).values(totp_counter=counter)
        )
        return True

    return await database.write(work)


def _matching_step(key: bytes, code: str, now: datetime) -> int | None:
    """The time step that the code belongs to, the current one or its neighbours."""
    # The library takes keys from 16 bytes on; SHA-1 is what the apps use.
    totp = TOTP(key, _DIGITS, SHA1(), _STEP_SECONDS)
    current = int(now.astimezone(UTC).timestamp()) // _STEP_SECONDS
    for drift in _DRIFT:
        try:
            totp.verify(code.strip().encode(), (current + drift) * _STEP_SECONDS)
        except InvalidToken:
            continue
        return current + drift
    return None
