"""The system check: every source read at the same time, one result (A14, A15)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import activity

from activities.plans import pinned_policy
from activities.requests import PlanAgain, SurveyProgress, SurveyRequest, SurveyResult
from closure.accounts import Access, AccountProfile
from closure.checks import carry_renounced, evaluate
from closure.messages import ChecklistItem
from closure.plan import Plan, make_plan, unrecoverable_ids
from closure.plan_difference import difference
from closure.policy import Policy
from closure.survey import AccountFacts, Source, SurveyFacts
from connectors.ports import Billing, DataStores, Directory, InventorySource, LegalHolds
from records.closures import ClosureRecords

SOURCE_TIMEOUT = timedelta(seconds=60)
"""A source that takes longer counts as unreadable; `closure.checks` makes that a blocking item."""
HEARTBEAT_INTERVAL = timedelta(seconds=5)
SUBACCOUNTS_AT_ONCE = 10
"""Of which the sources are read at the same time."""


class NotReadable(Exception):
    """A source can't be read that the plan needs. Retried."""


Reading = TypeVar("Reading")
logger = logging.getLogger(__name__)


class SurveyActivities:
    """Reads the account's sources and leaves the plan in the record."""

    def __init__(
        self,
        directory: Directory,
        billing: Billing,
        inventory: InventorySource,
        data_stores: DataStores,
        holds: LegalHolds,
        records: ClosureRecords,
    ) -> None:
        self._directory = directory
        self._billing = billing
        self._inventory = inventory
        self._data_stores = data_stores
        self._holds = holds
        self._records = records

    @activity.defn
    async def survey(self, request: SurveyRequest) -> SurveyResult:
        """Runs all checks of the closure's pinned policy once."""
        policy, facts, plan, items = await self._plan(request)
        return _result(plan).model_copy(
            update={
                "needs_approval": _needs_approval(policy, facts),
                "items": carry_renounced(request.previous_items, items),
                "changes": await self._changes(request, plan),
            }
        )

    @activity.defn
    async def plan_again(self, request: PlanAgain) -> SurveyResult:
        """The confirmed plan, for the subaccounts that came or went before the account had stopped (T4, T10).

        Raises:
            NotReadable: what stopped can't be read; nothing of it may be lost.
        """
        _, facts, plan, _ = await self._plan(request, stopped=frozenset(request.subaccounts))
        if facts.unreadable or any(each.unreadable for each in facts.subaccounts or ()):
            raise NotReadable("a source of the account or of its subaccounts can't be read")
        return _result(plan)

    async def _plan(
        self, request: SurveyRequest | PlanAgain, stopped: frozenset[str] | None = None
    ) -> tuple[Policy, SurveyFacts, Plan, tuple[ChecklistItem, ...]]:
        """Reads all sources and leaves the plan in the record."""
        closure = await self._records.get(request.closure_id)
        if closure is None:
            raise RuntimeError(f"the record has no closure {request.closure_id}")
        policy = await pinned_policy(self._records, request.closure_id)
        mode = closure.document.mode
        facts = await read_facts(
            self._directory,
            self._billing,
            self._inventory,
            self._data_stores,
            self._holds,
            request.account_id,
            report=activity.heartbeat,
        )
        if stopped is not None:
            # Stopped by this very closure, which nothing blocks any more.
            facts = facts.model_copy(
                update={"profile": facts.profile.model_copy(update={"access": Access.OPEN})}
            )
        items = evaluate(policy, facts, request.time, mode)
        plan = make_plan(policy, facts, items, mode, stopped=stopped)
        await self._records.save_plan(request.closure_id, plan.plan_hash, plan.model_dump_json())
        return policy, facts, plan, items

    async def _changes(self, request: SurveyRequest, plan: Plan) -> tuple[str, ...]:
        if request.previous_plan_hash in (None, plan.plan_hash):
            return ()
        content = await self._records.plan(request.closure_id, str(request.previous_plan_hash))
        if content is None:  # never seen: the workflow calls it stale
            return ()
        return difference(Plan.model_validate_json(content), plan)


def _result(plan: Plan) -> SurveyResult:
    return SurveyResult(
        items=(),
        plan_hash=plan.plan_hash,
        releases=sum(len(each.released_ids) + len(each.cancellations) for each in plan.accounts),
        writes_off=any(each.writes_off for each in plan.accounts),
        refunds=plan.refund_total is not None,
        unrecoverable=unrecoverable_ids(plan),
    )


def _needs_approval(policy: Policy, facts: SurveyFacts) -> bool:
    """Money that can't be read counts as much."""
    if policy.approval is None:
        return False
    return facts.statement is None or policy.approval.is_needed(facts.statement)


def _to_nobody(progress: SurveyProgress) -> None:
    return


async def read_facts(
    directory: Directory,
    billing: Billing,
    inventory: InventorySource,
    data_stores: DataStores,
    holds: LegalHolds,
    account_id: str,
    *,
    report: Callable[[SurveyProgress], None] = _to_nobody,
) -> SurveyFacts:
    """All sources at once. One that fails is None: unknown, never empty.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    progress = _Progress(report)
    profile = await directory.profile(account_id)
    pulse = asyncio.create_task(progress.beat())
    sources = (directory, billing, inventory, data_stores, holds)
    try:
        own, owned = await asyncio.gather(
            _read_account(progress, *sources, account_id, profile),
            progress.watch(Source.SUBACCOUNTS, directory.subaccounts(account_id)),
        )
        subaccounts = None if owned is None else await _read_subaccounts(progress, *sources, owned)
    finally:
        pulse.cancel()
    return SurveyFacts(**dict(own), subaccounts=subaccounts)


async def _read_subaccounts(
    progress: "_Progress",
    directory: Directory,
    billing: Billing,
    inventory: InventorySource,
    data_stores: DataStores,
    holds: LegalHolds,
    owned: tuple[str, ...],
) -> tuple[AccountFacts, ...] | None:
    """The facts of every subaccount; None when one of them could not even be found."""
    places = asyncio.Semaphore(SUBACCOUNTS_AT_ONCE)
    quietly = _Progress(_to_nobody)

    async def read(account_id: str) -> AccountFacts | None:
        async with places:
            profile = await quietly.watch(Source.SUBACCOUNTS, directory.profile(account_id))
            if profile is None:
                return None
            sources = (directory, billing, inventory, data_stores, holds)
            facts = await _read_account(quietly, *sources, account_id, profile)
            progress.count_subaccount(len(owned))
            return facts

    found = await asyncio.gather(*(read(account_id) for account_id in dict.fromkeys(owned)))
    facts = tuple(each for each in found if each is not None)
    return facts if len(facts) == len(found) else None


async def _read_account(
    progress: "_Progress",
    directory: Directory,
    billing: Billing,
    inventory: InventorySource,
    data_stores: DataStores,
    holds: LegalHolds,
    account_id: str,
    profile: AccountProfile,
) -> AccountFacts:
    statement, things, relationships, stores, held = await asyncio.gather(
        progress.watch(Source.BILLING, billing.statement(account_id)),
        progress.watch(Source.INVENTORY, inventory.inventory(account_id)),
        progress.watch(Source.RELATIONSHIPS, directory.relationships(account_id)),
        progress.watch(Source.DATA_STORES, data_stores.stores(account_id)),
        progress.watch(Source.LEGAL_HOLDS, holds.is_held(account_id)),
    )
    return AccountFacts(
        profile=profile,
        statement=statement,
        inventory=things,
        relationships=relationships,
        stores=stores,
        held=held,
    )


class _Progress:
    """Which sources have answered, and for how many subaccounts (A14)."""

    def __init__(self, report: Callable[[SurveyProgress], None]) -> None:
        self._tell = report
        self._running: dict[Source, None] = {}
        self._done: dict[Source, None] = {}
        self._subaccounts = (0, 0)

    async def watch(self, source: Source, reading: Awaitable[Reading]) -> Reading | None:
        self._running[source] = None
        self._report()
        try:
            return await asyncio.wait_for(reading, SOURCE_TIMEOUT.total_seconds())
        except Exception as error:  # noqa: BLE001 - any failure of any connector means: unknown
            logger.warning("source %s could not be read: %s", source.value, type(error).__name__)
            return None
        finally:
            self._running.pop(source, None)
            self._done[source] = None
            self._report()

    def count_subaccount(self, total: int) -> None:
        self._subaccounts = (self._subaccounts[0] + 1, total)
        self._report()

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_INTERVAL.total_seconds())
            self._report()

    def _report(self) -> None:
        read, total = self._subaccounts
        self._tell(
            SurveyProgress(
                done=tuple(self._done),
                running=tuple(self._running),
                subaccounts_read=read,
                subaccounts=total,
            )
        )
