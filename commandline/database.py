"""Settings of a command, and the database of the embedded account platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import ValidationError

from commandline.terminal import BadInput, Unreachable
from database import Database, DatabaseUnreachable, SchemaMismatch, parse_url, prepare, require_current
from settings import Settings, setting_fault


def read_settings() -> Settings:
    """The installation's settings.

    Raises:
        BadInput: one of them can't be right; the message names its variable.
    """
    try:
        settings = Settings()
        parse_url(settings.database_url)
    except ValidationError as error:
        raise BadInput(setting_fault(error)) from error
    except ValueError as error:
        raise BadInput(f"CLOSURE_DATABASE_URL: {error}") from error
    return settings


@asynccontextmanager
async def platform_database(*, set_up: bool = False) -> AsyncIterator[Database]:
    """The embedded platform's database; `set_up` gives an empty SQLite file its tables.

    Raises:
        BadInput: a setting can't be right, or chooses another platform.
        Unreachable: there is none, it can't be reached, or its tables are another version's.
    """
    from connectors.chosen import is_embedded
    from connectors.embedded import MIGRATIONS

    settings = read_settings()
    if not is_embedded(settings):
        raise BadInput(
            f"these accounts are those of CLOSURE_PLATFORM={settings.platform}; `platform` commands play the "
            "embedded platform's"
        )
    database = Database(settings.database_url)
    try:
        await (prepare if set_up else require_current)(database, MIGRATIONS)
        yield database
    except (DatabaseUnreachable, SchemaMismatch) as error:
        raise Unreachable(str(error)) from error
    finally:
        await database.dispose()
