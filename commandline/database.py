"""The database of one command: the settings' URL, opened, with its tables made ready, closed at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from commandline.terminal import BadInput, Unreachable
from database import DatabaseUnreachable, MigrationSet, SchemaMismatch, create_engine, prepare
from settings import Settings


def read_settings() -> Settings:
    """The installation's settings.

    Raises:
        BadInput: one of them can't be right; the message names its variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        fault = error.errors()[0]
        name = "CLOSURE_" + "_".join(str(part) for part in fault["loc"]).upper()
        raise BadInput(f"setting {name}: {fault['msg']}") from error


@asynccontextmanager
async def record_engine(settings: Settings | None = None) -> AsyncIterator[AsyncEngine]:
    """An engine over the record's and the embedded platform's tables, which an empty database gets here.

    Raises:
        BadInput: `CLOSURE_DATABASE_URL` can't be right.
        Unreachable: the database can't be reached, here or in the body, or its tables are another version's.
    """
    settings = settings or read_settings()
    try:
        engine = create_engine(settings.database_url)
    except ValueError as error:
        raise BadInput(f"CLOSURE_DATABASE_URL: {error}") from error
    try:
        for migrations in _migration_sets():
            await prepare(engine, migrations)
        yield engine
    except (DatabaseUnreachable, SchemaMismatch) as error:
        raise Unreachable(str(error)) from error
    finally:
        await engine.dispose()


def _migration_sets() -> tuple[MigrationSet, MigrationSet]:
    from connectors.embedded import MIGRATIONS as PLATFORM_MIGRATIONS
    from records.schema import MIGRATIONS as RECORD_MIGRATIONS

    return RECORD_MIGRATIONS, PLATFORM_MIGRATIONS
