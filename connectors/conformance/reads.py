"""Rules of reads: whole, the same twice, in time, and never an answer for an account that isn't there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Final
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from closure.accounts import DATA_STORES, AccountProfile, BillingStatement, DataStore, Inventory, Relationship
from closure.errors import RefusalType
from closure.refunds import Payment, RefundAttempt
from connectors.conformance.rule import Broken, Rule, Trial, require, require_refusal, rule
from connectors.conformance.subject import AccountWanted, NotOffered

LARGE: Final = 1_200
"""More than a page of most systems."""

Read = Callable[[Trial, str], Awaitable[object]]
READS: Final[Mapping[str, Read]] = {
    "directory.profile": lambda trial, name: trial.platform.directory.profile(name),
    "directory.subaccounts": lambda trial, name: trial.platform.directory.subaccounts(name),
    "directory.relationships": lambda trial, name: trial.platform.directory.relationships(name),
    "billing.statement": lambda trial, name: trial.platform.billing.statement(name),
    "inventory.inventory": lambda trial, name: trial.platform.inventory.inventory(name),
    "data_stores.stores": lambda trial, name: trial.platform.data_stores.stores(name),
    "data_stores.remaining_objects": lambda trial, name: trial.platform.data_stores.remaining_objects(
        name, "no-such-store"
    ),
    "refunds.payments": lambda trial, name: trial.platform.refunds.payments(name),
    "refunds.attempts": lambda trial, name: trial.platform.refunds.attempts(
        name, closure_id=trial.trial_id, time=trial.time
    ),
    "holds.is_held": lambda trial, name: trial.platform.holds.is_held(name),
}
_SHAPES: Final[Mapping[str, TypeAdapter[object]]] = {
    "directory.profile": TypeAdapter(AccountProfile),
    "directory.subaccounts": TypeAdapter(tuple[str, ...]),
    "directory.relationships": TypeAdapter(tuple[Relationship, ...]),
    "billing.statement": TypeAdapter(BillingStatement),
    "inventory.inventory": TypeAdapter(Inventory),
    "data_stores.stores": TypeAdapter(Annotated[Sequence[DataStore], DATA_STORES]),
    "data_stores.remaining_objects": TypeAdapter(int),
    "refunds.payments": TypeAdapter(tuple[Payment, ...]),
    "refunds.attempts": TypeAdapter(tuple[RefundAttempt, ...]),
    "holds.is_held": TypeAdapter(bool),
}


def _unknown_account(name: str, read: Read) -> Rule:
    async def check(trial: Trial) -> None:
        await require_refusal(read(trial, f"no-such-{uuid4().hex}"), RefusalType.ACCOUNT_NOT_FOUND)

    return Rule(f"{name}.unknown-account", "refuses an account that nobody knows", check, changes=False)


def _well_formed(name: str, read: Read) -> Rule:
    async def check(trial: Trial) -> None:
        try:
            async with asyncio.timeout(trial.patience.total_seconds()):
                answer = _SHAPES[name].validate_python(await read(trial, trial.account_id), strict=True)
        except TimeoutError as late:
            raise Broken(f"no answer within {trial.patience}") from late
        except ValidationError as error:
            raise Broken(f"answers what the port doesn't have: {error.errors()[0]['msg']}") from error
        again = await read(trial, trial.account_id)
        require(again == answer, "asked twice, answers two things while nothing has changed")

    return Rule(f"{name}.answers", "answers in time, in form, and the same twice", check, changes=False)


@rule("directory.profile.is-of-the-account", "names the account that was asked for", changes=False)
async def profile_is_of_the_account(trial: Trial) -> None:
    profile = await trial.platform.directory.profile(trial.account_id)
    require(profile.account_id == trial.account_id, "the profile is another account's")
    statement = await trial.platform.billing.statement(trial.account_id)
    require(statement.cash.currency == profile.currency, "the statement is in another currency")


@rule("directory.unknown-user", "answers None and False, and no error", changes=False)
async def unknown_user(trial: Trial) -> None:
    directory, nobody = trial.platform.directory, f"no-such-{uuid4().hex}"
    require(await directory.role_of(trial.account_id, nobody) is None, "a stranger has a role")
    require(await directory.person_of(trial.account_id, nobody) is None, "a stranger is somebody")
    require(await directory.accounts_of(nobody) == (), "a stranger has accounts")
    is_right = await directory.verify_password(trial.account_id, nobody, "secret")
    require(is_right is False, "a stranger's password is right")
    is_right = await directory.verify_totp(trial.account_id, nobody, "123456")
    require(is_right is False, "a stranger's code is right")


@rule("directory.password", "is right or wrong (T8)", wants=AccountWanted(password=True), changes=False)
async def password(trial: Trial) -> None:
    user, secret = trial.account.user_id, trial.account.password
    if user is None or secret is None:
        raise NotOffered("no user's password is known")
    directory, right = trial.platform.directory, secret.get_secret_value()
    require(await directory.verify_password(trial.account_id, user, right), "the right password is wrong")
    is_right = await directory.verify_password(trial.account_id, user, f"{right}x")
    require(is_right is False, "a wrong password is right")


@rule(
    "directory.subaccounts.all-once",
    "lists all that the account owns, each once",
    wants=AccountWanted(subaccounts=3),
    changes=False,
)
async def subaccounts_all_once(trial: Trial) -> None:
    listed = await trial.platform.directory.subaccounts(trial.account_id)
    require(len(set(listed)) == len(listed), "lists one twice")
    require(trial.account_id not in listed, "an account owns itself")
    missing = set(trial.account.subaccounts) - set(listed)
    require(not missing, f"{len(missing)} of {len(trial.account.subaccounts)} are missing")
    for each in listed:
        await trial.platform.directory.profile(each)


@rule(
    "inventory.inventory.whole",
    f"lists {LARGE} resources, each once: no page is left out",
    wants=AccountWanted(resources=LARGE),
    changes=False,
)
async def inventory_whole(trial: Trial) -> None:
    found = await trial.platform.inventory.inventory(trial.account_id)
    names = [each.resource_id for each in found.resources]
    require(len(set(names)) == len(names), "lists one twice")
    require(len(names) >= LARGE, f"lists {len(names)} of {LARGE}")


@rule(
    "data_stores.stores.whole",
    f"lists {LARGE} stores, each once: no page is left out",
    wants=AccountWanted(stores=LARGE),
    changes=False,
)
async def stores_whole(trial: Trial) -> None:
    names = [each.store_id for each in await trial.platform.data_stores.stores(trial.account_id)]
    require(len(set(names)) == len(names), "lists one twice")
    require(len(names) >= LARGE, f"lists {len(names)} of {LARGE}")


RULES: Final = (
    *(_well_formed(name, read) for name, read in READS.items()),
    *(_unknown_account(name, read) for name, read in READS.items()),
    *(profile_is_of_the_account, unknown_user, password),
    *(subaccounts_all_once, inventory_whole, stores_whole),
)
