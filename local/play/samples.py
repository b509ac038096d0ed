"""The sample accounts: fresh ones whenever somebody wants to begin anew."""

import tomllib
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from closure.errors import RefusalType, Refused
from closure.model import Model
from connectors.embedded.account_checks import Languages
from connectors.embedded.account_file import parse_account_file
from connectors.embedded.accounts import find_account
from connectors.embedded.loading import load_accounts
from database import Database

ACCOUNTS: Final = Path(__file__).resolve().parent.parent / "demo_accounts"


class Sample(Model):
    """One account to play with: `name` is its file's, `sentence` says what it is good for."""

    name: str
    title: str
    sentence: str
    hint: str


class _Samples(Model):
    samples: tuple[Sample, ...]


SAMPLES: Final = _Samples.model_validate(
    tomllib.loads(Path(__file__).with_name("samples.toml").read_text(encoding="utf-8"))
).samples


@dataclass(frozen=True)
class Placed:
    """A sample as it is loaded: its account has an id of its own."""

    sample: Sample
    account_id: str


def placed(number: int) -> tuple[Placed, ...]:
    """The samples of the set with this number."""
    return tuple(Placed(each, f"{each.name}-{number}") for each in SAMPLES)


async def newest_set(database: Database) -> int:
    """The number of the set that was loaded last; 0 where there is none.

    Raises:
        DatabaseUnreachable: it can't be read.
    """
    for number in count(1):
        if not await _is_there(database, f"{SAMPLES[0].name}-{number}"):
            return number - 1
    raise AssertionError("numbers don't end")


async def load_set(database: Database, number: int, languages: Languages) -> None:
    """Loads the accounts of a set; those that are there stay as they are.

    Raises:
        DatabaseUnreachable: it can't be written.
    """
    for each in placed(number):
        text = (ACCOUNTS / f"{each.sample.name}.yaml").read_text(encoding="utf-8")
        file = parse_account_file(
            text.replace(each.sample.name, each.account_id), f"{each.account_id}.yaml", languages
        )
        await load_accounts(database, file, f"{each.account_id}.yaml")


async def _is_there(database: Database, account_id: str) -> bool:
    try:
        await database.read(lambda connection: find_account(connection, account_id))
    except Refused as refused:
        if refused.type is not RefusalType.ACCOUNT_NOT_FOUND:
            raise
        return False
    return True
