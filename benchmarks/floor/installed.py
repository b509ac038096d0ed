"""The installation of one run: a database and policies of its own, gone afterwards."""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from benchmarks.floor.processes import RunFailed
from closure.installation import InstallationKind
from database import Database, upgrade
from installation import migrations_of
from records.installation import create_installation
from settings import Settings

PROJECT: Final = Path(__file__).parents[2]
POLICY: Final = "alibaba-cloud.toml"
SHORT_ENTERING: Final = ('entering_duration = "5m"', 'entering_duration = "1s"')
SHORT_SILENCE: Final = ('silent_period = "7d"', 'silent_period = "1s"')
_NAME: Final = "closure_benchmark_{}"


@dataclass(frozen=True)
class Installed:
    """What its processes are started with, and how large its database is now."""

    environment: Mapping[str, str]
    size: Callable[[], int]


@asynccontextmanager
async def installed(
    folder: Path, temporal_address: str, shortened: Sequence[tuple[str, str]], postgresql: str | None
) -> AsyncIterator[Installed]:
    """A production installation under a policy with shortened waits.

    Args:
        folder: a new one for it; its SQLite file is there, unless `postgresql` is given.
        temporal_address: of the server.
        shortened: texts of the policy and what stands in their places.
        postgresql: the URL of a database on a server where it may create another.
    """
    policies = folder / "policies"
    shutil.copytree(PROJECT / "policies", policies)
    _replace(policies / POLICY, shortened)
    name = _NAME.format(os.getpid())
    url = f"sqlite+aiosqlite:///{folder}/accounts.db"
    if postgresql is not None:
        _execute(postgresql, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
        url = make_url(postgresql).set(database=name).render_as_string(hide_password=False)
    try:
        database = Database(url)
        for migrations in migrations_of(Settings(database_url=url)):
            await upgrade(database, migrations)
        await create_installation(database, InstallationKind.PRODUCTION)
        await database.dispose()
        size = _size_of_files(folder) if postgresql is None else _size_of_database(url)
        yield Installed(_environment(url, policies, temporal_address), size)
    finally:
        if postgresql is not None:
            _execute(postgresql, f"DROP DATABASE {name} WITH (FORCE)")


def _replace(policy: Path, shortened: Sequence[tuple[str, str]]) -> None:
    said = policy.read_text(encoding="utf-8")
    for long, short in shortened:
        if said.count(long) != 1:
            raise RunFailed(f"{policy.name} does not say {long}")
        said = said.replace(long, short)
    policy.write_text(said, encoding="utf-8")


def _environment(url: str, policies: Path, temporal_address: str) -> dict[str, str]:
    own = ("CLOSURE_", "TEMPORAL_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(own)},
        "PYTHONPATH": str(PROJECT),
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "TEMPORAL_ADDRESS": temporal_address,
        "CLOSURE_DATABASE_URL": url,
        "CLOSURE_POLICY_DIR": str(policies),
        "CLOSURE_LOG_FORMAT": "json",
        "CLOSURE_MESSAGES": "embedded",
    }


def _size_of_files(folder: Path) -> Callable[[], int]:
    """Journals included."""
    return lambda: sum(file.stat().st_size for file in folder.glob("accounts.db*"))


def _size_of_database(url: str) -> Callable[[], int]:
    def size() -> int:
        engine = create_engine(url)
        with engine.connect() as connection:
            found: int = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        engine.dispose()
        return found

    return size


def _execute(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
