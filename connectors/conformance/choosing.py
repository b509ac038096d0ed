"""Which implementation is tried, and with whose accounts: settings and arguments to a subject."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from inspect import isawaitable
from pkgutil import resolve_name
from typing import Final

from connectors.chosen import EMBEDDED, chosen_platform
from connectors.conformance.embedded import embedded_subject
from connectors.conformance.given import GivenAccounts
from connectors.conformance.subject import ConformanceSubject
from connectors.setting_faults import PlatformFault
from database import Database
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
    """
    if account_ids:
        database = Database(settings.database_url)
        try:
            given = GivenAccounts(await chosen_platform(settings, database), account_ids)
            try:
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


async def _made(settings: Settings, subject: str | None) -> ConformanceSubject:
    if subject is None and settings.platform == EMBEDDED:
        return await embedded_subject(settings)
    place = subject or _place_of(settings.platform)
    try:
        made = resolve_name(place)(settings)
        found = await made if isawaitable(made) else made
    except PlatformFault:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        raise NoSubject(f"subject {place} can't be made: {type(error).__name__}: {text}") from error
    if not isinstance(found, ConformanceSubject):
        raise NoSubject(f"subject {place} made a {type(found).__name__} instead of a ConformanceSubject")
    return found


def _place_of(platform: str) -> str:
    """Where the subject of a platform is. Raises `NoSubject`."""
    for entry in entry_points(group=ENTRY_POINTS, name=platform):
        return entry.value
    raise NoSubject(
        f"nobody opens test accounts for {platform}: name one with --account, a factory with --subject, or "
        f"an entry point {platform} in {ENTRY_POINTS}"
    )
