"""Rules of stopping, giving back, holding and ending an account."""

import asyncio
from typing import Final

from closure.accounts import Access
from closure.errors import RefusalType, Refused
from connectors.conformance.effects import EFFECTS, ENOUGH, ROLE, Effect
from connectors.conformance.reads import READS
from connectors.conformance.rule import (
    GONE,
    Broken,
    Rule,
    Trial,
    or_gone,
    require,
    require_refusal,
    require_retained,
    rule,
)
from connectors.conformance.subject import AccountWanted
from connectors.ports import MustRetain, StoppedAccounts

OWNER: Final = AccountWanted(subaccounts=2)


async def _access(trial: Trial, account_id: str) -> Access:
    """How the account stands; one that is forgotten is closed."""
    profile = await or_gone(trial.platform.directory.profile(account_id))
    return Access.CLOSED if profile is None else profile.access


async def _stop(
    trial: Trial, name: str = "stop", *, account_id: str = "", spared: tuple[str, ...] = ()
) -> StoppedAccounts:
    return await trial.platform.access.stop(
        account_id or trial.account_id,
        access=Access.STOPPED,
        key=trial.key(name),
        time=trial.time,
        spared=spared,
    )


async def _reopen(trial: Trial, name: str = "reopen", *, account_id: str = "") -> None:
    await trial.platform.access.reopen(account_id or trial.account_id, key=trial.key(name), time=trial.time)


async def _close(trial: Trial, name: str = "close") -> None:
    await trial.platform.access.close(trial.account_id, key=trial.key(name), time=trial.time)


@rule("access.stop.all", "stops the account and all that it owns, and names it (T4)", wants=OWNER)
async def stop_takes_all(trial: Trial) -> None:
    owned = await trial.platform.directory.subaccounts(trial.account_id)
    stopped = await _stop(trial)
    for each in (trial.account_id, *owned):
        require(await _access(trial, each) is Access.STOPPED, "something of it is not stopped")
    require(set(stopped.subaccounts) == set(owned), "it names other accounts than it stopped")


@rule("access.stop.at-once", "nobody sees a part of it stopped and a part not (T4)", wants=OWNER)
async def stop_in_one_step(trial: Trial) -> None:
    (owned, *_) = await trial.platform.directory.subaccounts(trial.account_id)
    stopping = asyncio.ensure_future(_stop(trial))
    while not stopping.done():
        before, own, after = [await _access(trial, each) for each in (owned, trial.account_id, owned)]
        # What has been stopped stays so: whatever is read later has to be stopped, too.
        if (Access.STOPPED, Access.OPEN) in ((before, own), (own, after)):
            await stopping
            raise Broken("the account and what it owns were seen stopped one after the other")
    await stopping


@rule("access.stop.access", "leaves what was asked for (A20, T4)")
async def stop_leaves_what_was_asked(trial: Trial) -> None:
    access = Access.CLOSURE_STATUS_ONLY
    await trial.platform.access.stop(trial.account_id, access=access, key=trial.key("stop"), time=trial.time)
    require(await _access(trial, trial.account_id) is access, "the account has another access")


@rule("access.stop.first-time", "a second stop by another key names the time of the first", wants=OWNER)
async def stop_keeps_its_time(trial: Trial) -> None:
    first = await _stop(trial)
    again = await _stop(trial, "again")
    require(again.at == first.at, "it names another time")
    require(again.subaccounts == (), "it says that it stopped what had been stopped")


@rule("access.stop.spares", "leaves what another closure stops or has stopped", wants=OWNER)
async def stop_spares(trial: Trial) -> None:
    spared, taken, *_ = trial.account.subaccounts
    stopped = await _stop(trial, spared=(spared,))
    require(taken in stopped.subaccounts, "it left what was not spared")
    require(spared not in stopped.subaccounts, "it names what was spared")
    require(await _access(trial, spared) is Access.OPEN, "what was spared is stopped")


@rule("access.reopen.own", "gives back what this stop stopped, and nothing else (A23)", wants=OWNER)
async def reopen_gives_back_its_own(trial: Trial) -> None:
    others, own, *_ = trial.account.subaccounts
    await _stop(trial, "others", account_id=others)
    stopped = await _stop(trial)
    require(others not in stopped.subaccounts, "it names what another had stopped")
    await _reopen(trial)
    for each in (trial.account_id, own):
        require(await _access(trial, each) is Access.OPEN, "something of it does not work again")
    require(await _access(trial, others) is Access.STOPPED, "what another had stopped works again")
    await _reopen(trial, "others again", account_id=others)
    require(await _access(trial, others) is Access.OPEN, "the other does not work again")


@rule("access.reopen.then-stop", "an account that was given back can be stopped again")
async def stopped_again(trial: Trial) -> None:
    await _stop(trial)
    await _reopen(trial)
    await _stop(trial, "second")
    require(await _access(trial, trial.account_id) is Access.STOPPED, "it is not stopped")


@rule("access.service_role.again", "one that is there stays, one that is gone is gone (A19)")
async def role_again(trial: Trial) -> None:
    access = trial.platform.access
    await access.delete_service_role(trial.account_id, ROLE, key=trial.key("gone"))
    await access.create_service_role(trial.account_id, ROLE, key=trial.key("create"))
    await access.create_service_role(trial.account_id, ROLE, key=trial.key("create again"))
    await access.delete_service_role(trial.account_id, ROLE, key=trial.key("delete"))


@rule(
    "access.delete_bindings.count",
    "counts what it deleted, then nothing (A25)",
    wants=AccountWanted(bindings=2),
)
async def bindings_are_counted(trial: Trial) -> None:
    access, known = trial.platform.access, trial.account.bindings
    deleted = await access.delete_bindings(trial.account_id, key=trial.key("delete"))
    require(known in (None, deleted), f"it counts {deleted} of {known}")
    again = await access.delete_bindings(trial.account_id, key=trial.key("again"))
    require(again == 0, "what is gone is deleted again")


def _held(effect: Effect) -> Rule:
    async def check(trial: Trial) -> None:
        act, key = await effect.prepare(trial), trial.key("effect")
        await trial.subject.hold(trial.account_id, held=True)
        require(await trial.platform.holds.is_held(trial.account_id) is True, "the hold isn't seen")
        before = await trial.cash()
        await require_refusal(act(trial.account_id, key), RefusalType.LEGAL_HOLD)
        require(await trial.cash() == before, "it was refused, and money has moved")
        await trial.subject.hold(trial.account_id, held=False)
        require(await trial.platform.holds.is_held(trial.account_id) is False, "the hold is still seen")
        await act(trial.account_id, key)

    says = "refused while it is held; then the same key works"
    return Rule(f"{effect.name}.held", says, check, effect.wants)


@rule("holds.of-the-owner", "what a held account owns is held, too", wants=AccountWanted(subaccounts=1))
async def hold_of_the_owner(trial: Trial) -> None:
    await trial.subject.hold(trial.account_id, held=True)
    held = await trial.platform.holds.is_held(trial.account.subaccounts[0])
    require(held is True, "what it owns is not held")


@rule("access.close.for-good", "the account never works again, and can't be stopped or given back (T3)")
async def close_is_for_good(trial: Trial) -> None:
    await _stop(trial)
    await _close(trial)
    require(await _access(trial, trial.account_id) is Access.CLOSED, "the account is not closed")
    await require_refusal(_reopen(trial), *GONE)
    await require_refusal(_stop(trial, "again"), *GONE)
    require(await _access(trial, trial.account_id) is Access.CLOSED, "the account came back")


@rule("access.close.again", "by another key is done already")
async def close_again(trial: Trial) -> None:
    await _stop(trial)
    await _close(trial)
    await or_gone(_close(trial, "again"), unless=frozenset({RefusalType.ACCOUNT_NOT_FOUND}))


@rule("access.close.leaves-owner", "is no longer listed by its owner", wants=AccountWanted(subaccounts=2))
async def closed_leaves_its_owner(trial: Trial) -> None:
    gone, *_ = trial.account.subaccounts
    before = await trial.platform.directory.subaccounts(trial.account_id)
    await _stop(trial)
    await trial.platform.access.close(gone, key=trial.key("close"), time=trial.time)
    listed = await trial.platform.directory.subaccounts(trial.account_id)
    require(set(listed) == set(before) - {gone}, "the owner lists other accounts")


@rule("access.close.users", "users and their passwords go (A22)", wants=AccountWanted(password=True))
async def users_go(trial: Trial) -> None:
    await _stop(trial)
    await _close(trial)
    user, password = trial.account.user_id or "", trial.account.password
    directory = trial.platform.directory
    require(await or_gone(directory.role_of(trial.account_id, user)) is None, "a user still has a role")
    secret = "" if password is None else password.get_secret_value()
    is_right = await or_gone(directory.verify_password(trial.account_id, user, secret))
    require(not is_right, "a password still works")


@rule(
    "access.close.retained",
    "keeps the stores that the law keeps, and no other",
    wants=AccountWanted(stores=2),
)
async def retained_stores_stay(trial: Trial) -> None:
    kept, gone, *_ = (each.store_id for each in await trial.platform.data_stores.stores(trial.account_id))
    await _stop(trial)
    await trial.platform.access.close(
        trial.account_id, key=trial.key("close"), time=trial.time, retained_stores=(kept,)
    )
    left = await or_gone(trial.platform.data_stores.stores(trial.account_id))
    if left is not None:
        names = {each.store_id for each in left}
        require(kept in names, "a store that the law keeps is gone")
        require(gone not in names, "a store that nobody keeps is there")


@rule(
    "access.close.must-retain",
    "says why and until when an account must stay, every time, and leaves it whole; then the key works",
    wants=AccountWanted(cash=ENOUGH, resources=1, stores=1),
)
async def what_must_stay_is_whole(trial: Trial) -> None:
    await _stop(trial)
    await trial.subject.must_retain_account(trial.account_id, must=True)
    before = await _all_of_it(trial)
    await require_retained(lambda: _close(trial), "answers as if it had been closed")
    after = await _all_of_it(trial)
    changed = [name for name, answer in after.items() if answer != before[name]]
    require(not changed, f"the account must stay whole, and {', '.join(changed)} changed")
    await trial.subject.must_retain_account(trial.account_id, must=False)
    try:
        await _close(trial)
    except MustRetain as kept:
        raise Broken("it may go, and is kept still") from kept
    require(await _access(trial, trial.account_id) is Access.CLOSED, "it may go, and is not closed")


async def _all_of_it(trial: Trial) -> dict[str, object]:
    """What every read says of the account, and whether the user whom a test knows can still come in."""
    found = {name: await read(trial, trial.account_id) for name, read in READS.items()}
    directory, user, secret = trial.platform.directory, trial.account.user_id, trial.account.password
    if user is not None:
        found["directory.role_of"] = await directory.role_of(trial.account_id, user)
    if user is not None and secret is not None:
        right = secret.get_secret_value()
        found["directory.verify_password"] = await directory.verify_password(trial.account_id, user, right)
    return found


@rule("end.reads", "every read answers, or says that the account has met its end (rule 17)")
async def reads_after_the_end(trial: Trial) -> None:
    await _stop(trial)
    await _close(trial)
    for name, read in READS.items():
        try:
            await read(trial, trial.account_id)
        except Refused as refused:
            require(refused.type in GONE, f"{name} is refused with {refused.type.value}")


def _after_the_end(effect: Effect) -> Rule:
    async def check(trial: Trial) -> None:
        act, key = await effect.prepare(trial), trial.key("effect")
        first = await act(trial.account_id, key)
        await _stop(trial, "last")
        await _close(trial)
        missing = frozenset({RefusalType.ACCOUNT_NOT_FOUND})
        again = await or_gone(act(trial.account_id, key), unless=missing)
        # Whose key names a thing may be forgotten with it: then nothing was there.
        require(again in (None, first, 0), "asked again after the end, it answers otherwise")

    says = "asked again after the end: as before, nothing there, or no such account"
    return Rule(f"{effect.name}.after-the-end", says, check, effect.wants)


_OF_THE_DELETION: Final = frozenset(
    {
        *("billing.hand_over", "data_stores.erase", "access.delete_bindings"),
        *("refunds.order", "refunds.paid_otherwise"),
    }
)
"""What may be asked once more when the account is closed already, because an answer was lost."""

RULES: Final = (
    *(_held(effect) for effect in EFFECTS if effect.destroys),
    hold_of_the_owner,
    *(role_again, bindings_are_counted, stop_takes_all, stop_leaves_what_was_asked, stop_keeps_its_time),
    stop_in_one_step,
    *(stop_spares, reopen_gives_back_its_own, stopped_again, close_is_for_good, close_again),
    *(closed_leaves_its_owner, users_go, retained_stores_stay, what_must_stay_is_whole, reads_after_the_end),
    *(_after_the_end(effect) for effect in EFFECTS if effect.name in _OF_THE_DELETION),
)
