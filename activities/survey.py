"""The system check: every source read at the same time, one result (A14, A15)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import activity

from activities.requests import SurveyProgress, SurveyRequest, SurveyResult
from closure.checks import carry_renounced, evaluate
from closure.plan import Plan, make_plan, unrecoverable_ids
from closure.plan_difference import difference
from closure.policy import Policy
from closure.survey import Source, SurveyFacts
from connectors.ports import Billing, DataStores, Directory, InventorySource
from records.closures import ClosureRecords

SOURCE_TIMEOUT = timedelta(seconds=60)
"""A source that takes longer counts as unreadable; `closure.checks` makes that a blocking item."""
HEARTBEAT_INTERVAL = timedelta(seconds=5)

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
        records: ClosureRecords,
    ) -> None:
        self._directory = directory
        self._billing = billing
        self._inventory = inventory
        self._data_stores = data_stores
        self._records = records

    @activity.defn
    async def survey(self, request: SurveyRequest) -> SurveyResult:
        """Runs all checks of the closure's pinned policy once."""
        closure = await self._records.get(request.closure_id)
        if closure is None:
            raise RuntimeError(f"the record has no closure {request.closure_id}")
        policy = Policy.model_validate_json(await self._records.policy_snapshot(request.closure_id))
        mode = closure.document.mode
        facts = await read_facts(
            self._directory,
            self._billing,
            self._inventory,
            self._data_stores,
            request.account_id,
            report=activity.heartbeat,
        )
        items = evaluate(policy, facts, request.time, mode)
        plan = make_plan(policy, facts, items, mode)
        await self._records.save_plan(request.closure_id, plan.plan_hash, plan.model_dump_json())
        return SurveyResult(
            items=carry_renounced(request.previous_items, items),
            plan_hash=plan.plan_hash,
            changes=await self._changes(request, plan),
            releases=sum(map(len, plan.releases)) + len(plan.cancellations),
            writes_off=plan.writes_off,
            unrecoverable=unrecoverable_ids(plan),
        )

    async def _changes(self, request: SurveyRequest, plan: Plan) -> tuple[str, ...]:
        if request.previous_plan_hash in (None, plan.plan_hash):
            return ()
        content = await self._records.plan(request.closure_id, str(request.previous_plan_hash))
        if content is None:
            return ("the plan that was seen is not in the record",)
        return difference(Plan.model_validate_json(content), plan)


def _to_nobody(progress: SurveyProgress) -> None:
    return


async def read_facts(
    directory: Directory,
    billing: Billing,
    inventory: InventorySource,
    data_stores: DataStores,
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
    try:
        statement, things, relationships, stores = await asyncio.gather(
            progress.watch(Source.BILLING, billing.statement(account_id)),
            progress.watch(Source.INVENTORY, inventory.inventory(account_id)),
            progress.watch(Source.RELATIONSHIPS, directory.relationships(account_id)),
            progress.watch(Source.DATA_STORES, data_stores.stores(account_id)),
        )
    finally:
        pulse.cancel()
    return SurveyFacts(
        profile=profile,
        statement=statement,
        inventory=things,
        relationships=relationships,
        stores=stores,
    )


class _Progress:
    """Which sources have answered (A14)."""

    def __init__(self, report: Callable[[SurveyProgress], None]) -> None:
        self._tell = report
        self._running: dict[Source, None] = {}
        self._done: dict[Source, None] = {}

    async def watch(self, source: Source, reading: Awaitable[Reading]) -> Reading | None:
        self._running[source] = None
        self._report()
        try:
            return await asyncio.wait_for(reading, SOURCE_TIMEOUT.total_seconds())
        except Exception as error:  # noqa: BLE001 - any failure of any connector means: unknown
            logger.warning("source %s could not be read: %s", source.value, type(error).__name__)
            return None
        finally:
            del self._running[source]
            self._done[source] = None
            self._report()

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_INTERVAL.total_seconds())
            self._report()

    def _report(self) -> None:
        self._tell(SurveyProgress(done=tuple(self._done), running=tuple(self._running)))
