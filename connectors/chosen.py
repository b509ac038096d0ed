"""The platform that the settings choose: ours, a provider's service over HTTP, or anybody's own."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import NoneType
from typing import Final, get_args, get_type_hints

from connectors.ports import Platform
from connectors.setting_faults import PlatformFault, in_one_line
from database import Database, MigrationSet
from settings import Settings

EMBEDDED: Final = "embedded"
HTTP: Final = "http"
ENTRY_POINTS: Final = "account_closure.platforms"
"""The group in which an installed package names its platforms."""

Factory = Callable[[Settings], Platform | Awaitable[Platform]]
_OURS: Final = {HTTP: "connectors.http:platform"}
_NOT_PORTS: Final = frozenset({"answers_at_once", "closing"})


def is_embedded(settings: Settings) -> bool:
    """Whether the accounts are those of the embedded platform, whose tables are beside the record's."""
    return settings.platform == EMBEDDED


def platform_migrations(settings: Settings) -> Sequence[MigrationSet]:
    """The tables that the platform needs in the record's database; of others' platforms none."""
    if not is_embedded(settings):
        return ()
    from connectors.embedded import MIGRATIONS

    return (MIGRATIONS,)


async def chosen_platform(settings: Settings, database: Database) -> Platform:
    """Opens the platform of the setting `platform`; whoever opens it calls its `aclose`.

    Args:
        settings: are handed to the platform's factory.
        database: the record's, in which the embedded platform has its tables.

    Raises:
        PlatformFault: it isn't there, can't be made, or lacks a port.
    """
    name = settings.platform
    if is_embedded(settings):
        from connectors.embedded import embedded_platform

        return embedded_platform(database.beside())
    factory = _factory(name)
    try:
        made = factory(settings)
        platform = await made if inspect.isawaitable(made) else made
    except (Exception, SystemExit) as error:  # else a factory could end the program without a word
        raise PlatformFault(name, f"can't be made: {in_one_line(error)}") from error
    _require_ports(name, platform)
    return platform


def _factory(name: str) -> Factory:
    place = _OURS.get(name) or (name if ":" in name else _entry(name).value)
    module, _, attribute = place.partition(":")
    try:
        factory = getattr(import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise PlatformFault(name, f"can't be loaded: {in_one_line(error)}") from error
    if not callable(factory):
        raise PlatformFault(name, "is no factory that takes the settings")
    found: Factory = factory
    return found


def _entry(name: str) -> EntryPoint:
    found: list[EntryPoint] = [*entry_points(group=ENTRY_POINTS, name=name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise PlatformFault(name, f"{len(found)} installed packages have one of this name")
    named = sorted({each.name for each in entry_points(group=ENTRY_POINTS)})
    known = ", ".join((EMBEDDED, HTTP, *named))
    raise PlatformFault(name, f"there is none; there are {known}, and any MODULE:FACTORY")


def _require_ports(name: str, platform: object) -> None:
    """Raises `PlatformFault` unless every port is there with every call."""
    if not isinstance(platform, Platform):
        raise PlatformFault(name, f"made a {type(platform).__name__} instead of a connectors.ports.Platform")
    ports = get_type_hints(Platform)
    lacking = [
        f"{each.name}.{call}"
        for each in fields(Platform)
        if each.name not in _NOT_PORTS
        for call in _calls(ports[each.name])
        if not _has(getattr(platform, each.name), call, optional=NoneType in get_args(ports[each.name]))
    ]
    if lacking:
        raise PlatformFault(name, f"lacks {', '.join(lacking)}")


def _calls(port: object) -> list[str]:
    protocol = next((each for each in get_args(port) if each is not NoneType), port)
    return sorted(call for call, value in vars(protocol).items() if call[0] != "_" and callable(value))


def _has(port: object, call: str, *, optional: bool) -> bool:
    return (optional and port is None) or callable(getattr(port, call, None))
