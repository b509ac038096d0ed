"""Rules of reading many accounts at a time, where a platform can: it says what the ports say one by one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar
from uuid import uuid4

from closure.accounts import Inventory
from connectors.account_reader import AccountReader, AccountReading
from connectors.conformance.rule import Trial, require, rule
from connectors.conformance.subject import AccountWanted, NotOffered

Thing = TypeVar("Thing")

_FAMILY: Final = AccountWanted(cash=700, payments=2, resources=3, subscriptions=1, stores=2, subaccounts=3)


def _reader(trial: Trial) -> AccountReader:
    if trial.platform.accounts is None:
        raise NotOffered("many accounts can't be read at a time here")
    return trial.platform.accounts


async def _read(trial: Trial, account_ids: Sequence[str]) -> Mapping[str, AccountReading]:
    """Raises `Broken` for an account twice, and for one that nobody asked for."""
    readings = await _reader(trial).read(account_ids, with_payments=True)
    found = {each.profile.account_id: each for each in readings}
    require(len(found) == len(readings), "answers for one account twice")
    require(found.keys() <= {*account_ids}, "answers for an account that nobody asked for")
    return found


@rule(
    "accounts.read.as-alone",
    "says of each of many accounts what the other ports say of it",
    wants=_FAMILY,
    changes=False,
)
async def as_alone(trial: Trial) -> None:
    family = (trial.account_id, *trial.account.subaccounts)
    for account_id, reading in (await _read(trial, family)).items():
        await _require_alike(trial, account_id, reading)


async def _require_alike(trial: Trial, account_id: str, reading: AccountReading) -> None:
    platform = trial.platform
    alone = await platform.directory.profile(account_id)
    require(reading.profile == alone, "another profile than alone")
    if reading.statement is not None:
        alike = reading.statement == await platform.billing.statement(account_id)
        require(alike, "another statement than alone")
    if reading.inventory is not None:
        alike = _things(reading.inventory) == _things(await platform.inventory.inventory(account_id))
        require(alike, "another inventory than alone")
    if reading.relationships is not None:
        ties = await platform.directory.relationships(account_id)
        alike = {*reading.relationships} == {*ties}
        require(alike, "other relationships than alone")
    if reading.stores is not None:
        stores = await platform.data_stores.stores(account_id)
        alike = _by_id(reading.stores, lambda each: each.store_id) == _by_id(
            stores, lambda each: each.store_id
        )
        require(alike, "other data stores than alone")
    if reading.held is not None:
        require(reading.held == await platform.holds.is_held(account_id), "held otherwise than alone")
    if reading.payments is not None:
        payments = await platform.refunds.payments(account_id)
        require({*reading.payments} == {*payments}, "other payments than alone")


def _things(inventory: Inventory) -> tuple[object, ...]:
    return (
        _by_id(inventory.resources, lambda each: each.resource_id),
        _by_id(inventory.subscriptions, lambda each: each.subscription_id),
        sorted(inventory.domains),
        sorted(inventory.icp_filings),
    )


def _by_id(things: Iterable[Thing], id_of: Callable[[Thing], str]) -> list[Thing]:
    return sorted(things, key=id_of)


@rule(
    "accounts.read.unknown-account",
    "leaves out an account that nobody knows, and answers for the others",
    wants=AccountWanted(subaccounts=1),
    changes=False,
)
async def leaves_out_the_unknown(trial: Trial) -> None:
    known, unknown = trial.account.subaccounts[0], f"no-such-{uuid4().hex}"
    answered_for = (await _read(trial, [trial.account_id, known])).keys()
    beside = (await _read(trial, [trial.account_id, unknown, known])).keys()
    require(unknown not in beside, "answers for an account that isn't there")
    require(beside == answered_for, "one that nobody knows holds up others")


@rule(
    "accounts.read.held-by-owner",
    "never calls an account free of holds that its owner's hold covers",
    wants=AccountWanted(subaccounts=1),
)
async def sees_the_owners_hold(trial: Trial) -> None:
    reader, owned = _reader(trial), trial.account.subaccounts[0]
    await trial.subject.hold(trial.account_id, held=True)
    for reading in await reader.read([owned], with_payments=False):
        require(reading.held is not False, "what a held account owns is not held")


RULES: Final = (as_alone, leaves_out_the_unknown, sees_the_owners_hold)
