"""Which implementation is tried, and with whose accounts: settings and arguments to a subject."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from inspect import isawaitable
from pkgutil import resolve_name
from typing import Final

from closure.errors import Refused
from connectors.chosen import EMBEDDED, chosen_platform, platform_migrations
from connectors.conformance.embedded import embedded_subject
from connectors.conformance.given import GivenAccounts
from connectors.conformance.subject import ConformanceSubject
from connectors.ports import Platform
from connectors.setting_faults import PlatformFault, in_one_line
from database import Database, DatabaseUnreachable, require_current
from settings import Settings

ENTRY_POINTS: Final = "account_closure.conformance"
"""The group in which an installed package names the subject of the platform of the same name."""


class NoSubject(Exception):
    """Nothing can be tried; the message says what to give."""


@asynccontextmanager
async def chosen_subject(
    settings: Settings, account_ids: Sequence[str], subject: str | None
) -> AsyncIterator[ConformanceSubject]:
    """The subject by its place, by the platform's name, or the given accounts of the platform.

    Raises:
        NoSubject: there is none, or it can't be made.
        PlatformFault: the platform can't be used.
        DatabaseUnreachable, SchemaMismatch: the embedded platform's tables are not there.
    """
    if account_ids and subject is not None:
        raise NoSubject("--account is an account that is there, --subject opens others: give one of them")
    if account_ids:
        database = Database(settings.database_url)
        try:
            for needed in platform_migrations(settings):
                await require_current(database, needed)
            given = GivenAccounts(await chosen_platform(settings, database), account_ids)
            try:
                await _require_there(given.platform, account_ids)
                yield given
            finally:
                await given.aclose()
        finally:
            await database.dispose()
        return
    made = await _made(settings, subject)
    try:
        yield made
    finally:
        await made.aclose()


async def _require_there(platform: Platform, account_ids: Sequence[str]) -> None:
    """Raises `NoSubject` where one of the accounts can't be read: no rule could be tried at it."""
    for account_id in account_ids:
        try:
            await platform.directory.profile(account_id)
        except Refused as refused:
            raise NoSubject(f"--account {account_id}: {refused}") from refused
        except DatabaseUnreachable:
            raise
        except Exception as error:
            raise NoSubject(f"--account {account_id}: can't be read: {in_one_line(error)}") from error


async def _made(settings: Settings, subject: str | None) -> ConformanceSubject:
    if subject is None and settings.platform == EMBEDDED:
        return await embedded_subject(settings)
    place = subject or _place_of(settings.platform)
    try:
        made = resolve_name(place)(settings)
        found = await made if isawaitable(made) else made
    except PlatformFault:
        raise
    except (Exception, SystemExit) as error:  # else a factory could end the program without a word
        raise NoSubject(f"subject {place} can't be made: {in_one_line(error)}") from error
    if not isinstance(found, ConformanceSubject):
        raise NoSubject(f"subject {place} made a {type(found).__name__} instead of a ConformanceSubject")
    return found


def _place_of(platform: str) -> str:
    """Where the subject of a platform is. Raises `NoSubject`."""
    for entry in entry_points(group=ENTRY_POINTS, name=platform):
        return entry.value
    raise NoSubject(
        f"nobody opens test accounts for {platform.strip() or '(empty)'}: name one with --account, "
        f"a factory with --subject, or an entry point of the platform's name in {ENTRY_POINTS}"
    )
