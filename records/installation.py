"""Which installation a record is: one row, written once."""

from uuid import uuid4

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from closure.installation import Installation, InstallationKind
from database.database import Database, database_time
from records.tables import record_installation


class InstallationMissing(Exception):
    """The record's tables are there, but nobody has created the installation."""


async def create_installation(database: Database, kind: InstallationKind) -> Installation:
    """Creates it unless it is there; what is there stays as it is."""

    def work(connection: Connection) -> Installation:
        there = read_installation(connection)
        if there is not None:
            return there
        new = Installation(installation_id=uuid4().hex, kind=kind, created_at=database_time(connection))
        connection.execute(
            insert(record_installation).values(
                installation_id=new.installation_id,
                kind=new.kind.value,
                created_at=new.created_at,
                is_the_one=True,
            )
        )
        return new

    try:
        return await database.write(work)
    except IntegrityError:  # somebody else has created it at this moment
        return await installation_of(database)


async def installation_of(database: Database) -> Installation:
    """Which installation this record is.

    Raises:
        InstallationMissing: it was never created.
    """
    found = await database.read(read_installation)
    if found is None:
        raise InstallationMissing("the record's database has no installation yet")
    return found


def read_installation(connection: Connection) -> Installation | None:
    row = connection.execute(select(record_installation)).mappings().one_or_none()
    return None if row is None else Installation.model_validate(dict(row))
