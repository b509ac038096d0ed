"""Loads an account file into the embedded platform: all of it in one transaction, or nothing."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Connection, select, text

from closure.accounts import Access
from closure.canonical import canonical_json
from closure.money import Money
from connectors.embedded import tables
from connectors.embedded.account_file import AccountEntry, AccountFile
from connectors.embedded.account_text import AccountFileFault, Fault
from connectors.embedded.authenticator import set_secrets
from connectors.embedded.opening import open_accounts
from connectors.embedded.passwords import password_hashes, set_passwords
from connectors.embedded.sign_ins import default_login
from database import Database
from database.parts import in_parts

_LOCK = 0x6C6F6164
"""On PostgreSQL, of two loads at once the second waits; on SQLite the transaction itself does that."""


class LoadResult(StrEnum):
    """What became of one entry of the file."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    CLOSED = "closed"
    """The account was closed for good since; it is left alone."""


@dataclass(frozen=True)
class LoadedAccount:
    account_id: str
    provider: str
    result: LoadResult


@dataclass(frozen=True)
class _Standing:
    """How an account of the file's is there already."""

    access: Access
    definition_hash: str | None


async def load_accounts(database: Database, file: AccountFile, name: str) -> tuple[LoadedAccount, ...]:
    """Loads what is not there yet; the same file again changes nothing.

    A password that is not the stored one replaces it, also in accounts that are there already.

    Args:
        database: with the platform's tables.
        file: what to load.
        name: the file's name, for faults.

    Raises:
        AccountFileFault: an account is there with other content, or a sign-in is taken; nothing was loaded.
    """
    parents = {child: entry.id for entry in file.accounts for child in entry.subaccounts}
    hashes = {entry.id: definition_hash(entry, parents.get(entry.id)) for entry in file.accounts}
    passwords = await password_hashes(database, file.accounts)

    def work(connection: Connection) -> dict[str, _Standing]:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        standing = _standing(connection, list(hashes))
        new = [entry for entry in file.accounts if entry.id not in standing]
        faults = [
            *_other_content(file.accounts, hashes, standing),
            *_closed_subaccounts(file.accounts, standing),
            *_taken_sign_ins(connection, file.accounts, standing),
        ]
        if faults:
            raise AccountFileFault(name, tuple(faults))
        open_accounts(connection, _parents_first(new, parents), parents, hashes, datetime.now(UTC))
        set_passwords(connection, passwords)
        set_secrets(connection, file.accounts)
        return standing

    standing = await database.write(work)
    return tuple(
        LoadedAccount(entry.id, entry.provider, _result(standing.get(entry.id))) for entry in file.accounts
    )


def definition_hash(entry: AccountEntry, parent_id: str | None) -> str:
    """SHA-256 of what the entry says, without passwords; order, quotes and trailing zeros don't count."""
    said = entry.model_dump(
        mode="json", exclude={"users": {"__all__": {"password", "totp"}}}, exclude_none=True
    )
    for amounts in (said["balance"], *said["bills"], *said["credit_notes"], *said.get("payments", ())):
        for key in amounts.keys() & {"cash", "promo", "amount"}:
            amounts[key] = str(Money.parse(amounts[key], entry.currency))
    # What is empty is left out, so that fields to come don't change the hashes of today's accounts.
    kept = {key: _sorted(value) for key, value in said.items() if value or key == "payments"}
    canonical = canonical_json({**kept, "parent": parent_id}, only_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _sorted(value: object) -> object:
    if not isinstance(value, list):
        return value
    for member in value:
        if isinstance(member, dict) and "depends_on" in member:
            member["depends_on"] = sorted(member["depends_on"])
    return sorted(value, key=lambda member: member["id"] if isinstance(member, dict) else member)


def _standing(connection: Connection, account_ids: list[str]) -> dict[str, _Standing]:
    row = tables.accounts.c
    found: dict[str, _Standing] = {}
    for part in in_parts(account_ids):
        rows = connection.execute(select(row.id, row.access, row.definition_hash).where(row.id.in_(part)))
        found |= {name: _Standing(access, known) for name, access, known in rows}
    return found


def _other_content(
    entries: Iterable[AccountEntry], hashes: Mapping[str, str], standing: Mapping[str, _Standing]
) -> Iterator[Fault]:
    for number, entry in enumerate(entries):
        there = standing.get(entry.id)
        if there is None or there.access is Access.CLOSED or there.definition_hash == hashes[entry.id]:
            continue
        yield Fault(
            f"accounts.{number}.id",
            f"account {entry.id!r} is there already with other content; ids can't be reused, take another",
        )


def _closed_subaccounts(
    entries: Iterable[AccountEntry], standing: Mapping[str, _Standing]
) -> Iterator[Fault]:
    """An account that was closed for good can't become part of a new one."""
    for number, entry in enumerate(entries):
        if entry.id in standing:
            continue
        for position, child in enumerate(entry.subaccounts):
            there = standing.get(child)
            if there is not None and there.access is Access.CLOSED:
                yield Fault(
                    f"accounts.{number}.subaccounts.{position}",
                    f"account {child!r} is closed for good and can't become a subaccount",
                )


def _taken_sign_ins(
    connection: Connection, entries: Iterable[AccountEntry], standing: Mapping[str, _Standing]
) -> list[Fault]:
    """Sign-ins of new users that are somebody else's: a person's name is not an account's own, and back."""
    wanted: dict[str, tuple[str, bool]] = {}
    for number, entry in enumerate(entries):
        for position, user in enumerate(entry.users):
            if entry.id not in standing:
                login = user.login or default_login(entry.id, user.id)
                wanted[login] = (f"accounts.{number}.users.{position}.login", user.login is not None)
    row = tables.logins.c
    faults = []
    for part in in_parts(wanted):
        rows = connection.execute(select(row.login, row.personal).where(row.login.in_(part)))
        for login, is_personal in rows:
            path, wants_personal = wanted[login]
            if not (is_personal and wants_personal):
                faults.append(Fault(path, f"{login!r} is another user's sign-in; name another one"))
    return faults


def _parents_first(entries: list[AccountEntry], parents: Mapping[str, str]) -> list[AccountEntry]:
    def depth(account_id: str) -> int:
        steps = 0
        while (above := parents.get(account_id)) is not None:
            account_id, steps = above, steps + 1
        return steps

    return sorted(entries, key=lambda entry: depth(entry.id))


def _result(there: _Standing | None) -> LoadResult:
    if there is None:
        return LoadResult.LOADED
    return LoadResult.CLOSED if there.access is Access.CLOSED else LoadResult.UNCHANGED
