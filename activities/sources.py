"""Reading an account's sources, all at the same time: one that fails is unknown, never empty (A14)."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final, TypeVar

from pydantic import TypeAdapter

from closure.accounts import (
    DATA_STORES,
    AccountProfile,
    BillingStatement,
    DataStore,
    Inventory,
    Relationship,
    SourceId,
)
from closure.model import WireModel
from closure.refunds import Payment
from closure.survey import AccountFacts, Source, SurveyFacts
from connectors.account_reader import READ_TOGETHER, AccountReading
from connectors.ports import Platform

SOURCE_TIME_LIMIT = timedelta(seconds=60)
"""Unless the operator has chosen another. A source that takes longer counts as unreadable, which blocks."""
SUBACCOUNTS_AT_ONCE = 10
"""Of which the sources are read at the same time."""

Reading = TypeVar("Reading")
logger = logging.getLogger(__name__)

# What each source answers; raise for any other answer, which counts as unreadable like a failure.
_PROFILE: Final = TypeAdapter(AccountProfile).validate_python
_STATEMENT: Final = TypeAdapter(BillingStatement).validate_python
_INVENTORY: Final = TypeAdapter(Inventory).validate_python
_RELATIONSHIPS: Final = TypeAdapter(tuple[Relationship, ...]).validate_python
_STORES: Final = TypeAdapter(Annotated[Sequence[DataStore], DATA_STORES]).validate_python
_HELD: Final = TypeAdapter(bool).validate_python
_PAYMENTS: Final = TypeAdapter(tuple[Payment, ...]).validate_python
_READINGS: Final = TypeAdapter(tuple[AccountReading, ...]).validate_python
_IDS: Final = TypeAdapter(tuple[SourceId, ...]).validate_python


class SurveyProgress(WireModel):
    """What the running system check has done so far (A14); the activity's heartbeat."""

    done: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    subaccounts_read: int = 0
    subaccounts: int = 0


async def read_facts(
    platform: Platform,
    account_id: str,
    *,
    with_payments: bool,
    time_limit: timedelta = SOURCE_TIME_LIMIT,
    report: Callable[[SurveyProgress], None] | None = None,
) -> SurveyFacts:
    """All sources of an account and of what it owns; its payments only where a policy refunds.

    Where nobody is told how far it is, all that the platform can say of the account is asked for at one time.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    progress = _Progress(report, time_limit)
    known = None
    if report is None:
        together = await _read_together(progress, platform, (account_id,), with_payments=with_payments)
        known = together.get(account_id)
    if known is None:
        known = AccountReading(profile=await platform.directory.profile(account_id))
    own, owned = await asyncio.gather(
        _read_account(progress, platform, known, with_payments=with_payments),
        progress.watch(Source.SUBACCOUNTS, _IDS, platform.directory.subaccounts, account_id),
    )
    subaccounts = (
        None
        if owned is None
        else await _read_subaccounts(progress, platform, owned, with_payments=with_payments)
    )
    return SurveyFacts(**dict(own), subaccounts=subaccounts)


async def read_accounts(
    platform: Platform, account_ids: Sequence[str], time_limit: timedelta, *, with_payments: bool
) -> tuple[AccountFacts, ...] | None:
    """The facts of each of the accounts; None when one of them could not even be found."""
    return await _read_subaccounts(
        _Progress(None, time_limit), platform, account_ids, with_payments=with_payments
    )


async def _read_subaccounts(
    progress: "_Progress", platform: Platform, owned: Sequence[str], *, with_payments: bool
) -> tuple[AccountFacts, ...] | None:
    """The facts of every subaccount; None when one of them could not even be found."""
    places = asyncio.Semaphore(SUBACCOUNTS_AT_ONCE)
    quietly = _Progress(None, progress.time_limit)
    account_ids = tuple(dict.fromkeys(owned))

    async def read(account_id: str, known: AccountReading | None) -> AccountFacts | None:
        async with places:
            if known is None:
                profile = await quietly.watch(
                    Source.SUBACCOUNTS, _PROFILE, platform.directory.profile, account_id
                )
                if profile is None:
                    return None
                known = AccountReading(profile=profile)
            facts = await _read_account(quietly, platform, known, with_payments=with_payments)
            progress.count_subaccount(len(account_ids))
            return facts

    found: list[AccountFacts | None] = []
    for start in range(0, len(account_ids), READ_TOGETHER):
        part = account_ids[start : start + READ_TOGETHER]
        together = await _read_together(progress, platform, part, with_payments=with_payments)
        found += await asyncio.gather(*(read(each, together.get(each)) for each in part))
    facts = tuple(each for each in found if each is not None)
    return facts if len(facts) == len(found) else None


async def _read_together(
    progress: "_Progress", platform: Platform, account_ids: Sequence[str], *, with_payments: bool
) -> Mapping[str, AccountReading]:
    """What the platform says of the accounts at one time; nothing where it can't, or fails."""
    if platform.accounts is None:
        return {}
    reading = platform.accounts.read(account_ids, with_payments=with_payments)
    try:
        answer = await asyncio.wait_for(reading, progress.time_limit.total_seconds())
        readings = _READINGS(answer)
    except Exception as error:  # noqa: BLE001 - whatever it is, each is asked for alone
        logger.warning("accounts could not be read together", extra={"error": type(error).__name__})
        return {}
    times = Counter(each.profile.account_id for each in readings)
    # Whoever stands there twice is asked for alone: one of the two is another's, or of another time.
    return {each.profile.account_id: each for each in readings if times[each.profile.account_id] == 1}


async def _read_account(
    progress: "_Progress", platform: Platform, known: AccountReading, *, with_payments: bool
) -> AccountFacts:
    """The facts of the account: those that are known, the others from their sources."""

    async def facts(
        already: Reading | None,
        source: Source,
        checked: Callable[[object], Reading],
        read: Callable[[str], Awaitable[object]],
    ) -> Reading | None:
        if already is not None:
            return already
        return await progress.watch(source, checked, read, known.profile.account_id)

    statement, things, relationships, stores, held, payments = await asyncio.gather(
        facts(known.statement, Source.BILLING, _STATEMENT, platform.billing.statement),
        facts(known.inventory, Source.INVENTORY, _INVENTORY, platform.inventory.inventory),
        facts(known.relationships, Source.RELATIONSHIPS, _RELATIONSHIPS, platform.directory.relationships),
        facts(known.stores, Source.DATA_STORES, _STORES, platform.data_stores.stores),
        facts(known.held, Source.LEGAL_HOLDS, _HELD, platform.holds.is_held),
        facts(known.payments if with_payments else (), Source.PAYMENTS, _PAYMENTS, platform.refunds.payments),
    )
    return AccountFacts(
        profile=known.profile,
        statement=statement,
        inventory=things,
        relationships=relationships,
        stores=stores,
        held=held,
        payments=payments,
    )


class _Progress:
    """Which sources have answered, and for how many subaccounts (A14)."""

    def __init__(self, report: Callable[[SurveyProgress], None] | None, time_limit: timedelta) -> None:
        self._tell = report
        self.time_limit = time_limit
        self._running: dict[Source, None] = {}
        self._done: dict[Source, None] = {}
        self._subaccounts = (0, 0)

    async def watch(
        self,
        source: Source,
        checked: Callable[[object], Reading],
        read: Callable[[str], Awaitable[object]],
        account_id: str,
    ) -> Reading | None:
        """What the source answers; None where it can't be read. Who is stopped before asks nothing."""
        self._running[source] = None
        self._report()
        try:
            return checked(await asyncio.wait_for(read(account_id), self.time_limit.total_seconds()))
        except Exception as error:  # noqa: BLE001 - any failure of any connector means: unknown
            facts = {"source": source.value, "error": type(error).__name__}
            logger.warning("a source could not be read", extra=facts)
            return None
        finally:
            self._running.pop(source, None)
            self._done[source] = None
            self._report()

    def count_subaccount(self, total: int) -> None:
        self._subaccounts = (self._subaccounts[0] + 1, total)
        self._report()

    def _report(self) -> None:
        if self._tell is None:
            return
        read, total = self._subaccounts
        self._tell(
            SurveyProgress(
                done=tuple(self._done),
                running=tuple(self._running),
                subaccounts_read=read,
                subaccounts=total,
            )
        )
