"""Lists of closures: by what they are filtered, in pages, and counted; one broken row hides no other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, event, update

from closure.events import CancelIgnored
from closure.findings import Change
from closure.lifecycle import Outcome, Stage
from closure.messages import ChecklistItem, ItemCategory, RefundState, RefundStatus
from closure.state import ClosureState
from closure.waiting import Waiting, WaitingReason
from database import Database
from records.closures import lock_closure
from records.listing import ALL, ClosureFilter, ClosureLists
from records.plans import mark_renounced, replace_items
from records.record import Record
from records.tables import record_closures
from tests.records.samples import LATER, OPENED_AT, Closures, Transition, execute, new_state
from tests.unit.examples import item

NOW = datetime.now(UTC)
PAST, FUTURE = NOW - timedelta(days=1), NOW + timedelta(days=1)


def with_state(stage: Stage, **changes: object) -> Transition:
    def transition(state: ClosureState) -> Change:
        changed = replace(state, stage=stage, **changes)  # type: ignore[arg-type] # as a test names them
        return Change(changed, CancelIgnored())

    return transition


def refund(status: RefundState, due_by: datetime) -> RefundStatus:
    return RefundStatus(status=status, amount="5.00", currency="USD", due_by=due_by)


class Listed:
    """Closures that a test opens, by number, and what lists show of them."""

    def __init__(self, closures: Closures, record: Record, lists: ClosureLists) -> None:
        self._closures = closures
        self._record = record
        self._lists = lists

    async def open(self, number: int, stage: Stage = Stage.OPENED, **changes: object) -> str:
        closure_id = f"c-{number}"
        of_row = {name: changes.pop(name) for name in ("provider",) if name in changes}
        time = changes.pop("time", OPENED_AT)
        assert isinstance(time, datetime)
        await self._closures.open(new_state(closure_id, f"a-{number}", **of_row), time=time)
        if stage is not Stage.OPENED or changes:

            def work(connection: Connection) -> None:
                locked = lock_closure(connection, closure_id)
                locked.apply(with_state(stage, **changes)(locked.state), time=LATER)

            await self._record.write(work)
        return closure_id

    async def items(self, closure_id: str, *items: ChecklistItem, renounced: tuple[int, ...] = ()) -> None:
        def work(connection: Connection) -> None:
            replace_items(connection, closure_id, items)
            mark_renounced(connection, closure_id, renounced)

        await self._record.write(work)

    async def ids(self, wanted: ClosureFilter = ALL) -> list[str]:
        found = [each.closure_id for each in (await self._lists.page(wanted)).closures]
        assert sum((await self._lists.count(wanted)).values()) == len(found)
        return found


@pytest.fixture
def listed(closures: Closures, record: Record, lists: ClosureLists) -> Listed:
    return Listed(closures, record, lists)


async def test_by_stage_outcome_and_provider_those_opened_last_first(listed: Listed) -> None:
    await listed.open(1, Stage.READY)
    await listed.open(2, provider="twilio")
    await listed.open(3, time=OPENED_AT - timedelta(days=9))
    await listed.open(4, Stage.DELETED)
    assert await listed.ids() == ["c-4", "c-3", "c-2", "c-1"]
    assert await listed.ids(ClosureFilter(stage=Stage.OPENED)) == ["c-3", "c-2"]
    assert await listed.ids(ClosureFilter(provider="twilio")) == ["c-2"]
    assert await listed.ids(ClosureFilter(stage=Stage.READY, provider="twilio")) == []
    assert await listed.ids(ClosureFilter(outcome=Outcome.DELETED)) == ["c-4"]
    assert await listed.ids(ClosureFilter(outcome=Outcome.RESTORED)) == []


async def test_a_page_says_where_the_next_one_begins(listed: Listed, lists: ClosureLists) -> None:
    for number in range(5):
        await listed.open(number)
    first = await lists.page(limit=2)
    assert [each.closure_id for each in first.closures] == ["c-4", "c-3"]
    assert first.next is not None
    await listed.open(5)  # what comes meanwhile moves nothing
    second = await lists.page(limit=2, after=first.next)
    assert [each.closure_id for each in second.closures] == ["c-2", "c-1"]
    last = await lists.page(limit=2, after=second.next)
    assert ([each.closure_id for each in last.closures], last.next) == (["c-0"], None)
    assert (await lists.page(limit=6)).next is None


async def test_what_blocks_is_counted_by_check_and_what_is_given_up_does_not(
    listed: Listed, lists: ClosureLists
) -> None:
    bills = [item(f"unpaid-bills/{number}", check="unpaid-bills") for number in (1, 2)]
    thing = item("resources/i-1", ItemCategory.RENOUNCEABLE, check="resources")
    await listed.items(await listed.open(1, Stage.BLOCKED), *bills, thing)
    await listed.items(await listed.open(2, Stage.BLOCKED), thing, bills[0], renounced=(0,))
    await listed.items(await listed.open(3, Stage.EXPIRED), thing)  # blocked once
    page = await lists.page()
    assert [each.blocking for each in page.closures] == [
        {},
        {"unpaid-bills": 1},
        {"resources": 1, "unpaid-bills": 2},
    ]
    assert await listed.ids(ClosureFilter(blocked_by="unpaid-bills")) == ["c-2", "c-1"]
    assert await listed.ids(ClosureFilter(blocked_by="resources")) == ["c-1"]
    assert await listed.ids(ClosureFilter(blocked_by="domains")) == []


async def test_what_waits_what_is_overdue_and_what_ends_before(listed: Listed, lists: ClosureLists) -> None:
    waiting = Waiting(reason=WaitingReason.LEGAL_HOLD, since=LATER)
    await listed.open(1, Stage.FINAL_CHECK, waiting=waiting)
    await listed.open(2, Stage.SILENT, silent_until=PAST)
    await listed.open(3, Stage.SILENT, silent_until=FUTURE)
    await listed.open(4, Stage.DELETED, silent_until=PAST)
    assert await listed.ids(ClosureFilter(waiting=True)) == ["c-1"]
    assert await listed.ids(ClosureFilter(overdue=True)) == ["c-2"]
    assert await listed.ids(ClosureFilter(ends_before=NOW)) == ["c-2"]
    assert await listed.ids(ClosureFilter(ends_before=FUTURE)) == ["c-2"]
    assert await listed.ids(ClosureFilter(ends_before=FUTURE + timedelta(seconds=1))) == ["c-3", "c-2"]
    flags = [(each.waiting_for, each.is_overdue, each.stage_since) for each in (await lists.page()).closures]
    assert flags == [
        (None, False, LATER),
        (None, False, LATER),
        (None, True, LATER),
        ("legal_hold", False, LATER),
    ]


async def test_what_waits_for_one_reason_and_what_ends_in_a_span(listed: Listed) -> None:
    for number, reason in ((1, WaitingReason.LEGAL_HOLD), (2, WaitingReason.BRAKE), (3, WaitingReason.BRAKE)):
        await listed.open(number, Stage.FINAL_CHECK, waiting=Waiting(reason=reason, since=LATER))
    assert await listed.ids(ClosureFilter(waiting_for="brake")) == ["c-3", "c-2"]
    assert await listed.ids(ClosureFilter(waiting_for="refund")) == []
    await listed.open(4, Stage.SILENT, silent_until=PAST)
    await listed.open(5, Stage.SILENT, silent_until=NOW)
    await listed.open(6, Stage.SILENT, silent_until=FUTURE)
    await listed.open(7, Stage.DELETED, silent_until=NOW)
    assert await listed.ids(ClosureFilter(ends_after=NOW)) == ["c-6", "c-5"]
    assert await listed.ids(ClosureFilter(ends_after=NOW, ends_before=FUTURE)) == ["c-5"]


async def test_what_needs_looking_after_is_counted_by_check_and_by_reason(
    listed: Listed, lists: ClosureLists
) -> None:
    bills = [item(f"unpaid-bills/{number}", check="unpaid-bills") for number in (1, 2)]
    thing = item("resources/i-1", ItemCategory.RENOUNCEABLE, check="resources")
    await listed.items(await listed.open(1, Stage.BLOCKED), *bills, thing)
    await listed.items(
        await listed.open(2, Stage.BLOCKED, provider="twilio"), thing, bills[0], renounced=(0,)
    )
    await listed.items(await listed.open(3, Stage.EXPIRED), thing)  # blocked once
    held = Waiting(reason=WaitingReason.LEGAL_HOLD, since=LATER)
    await listed.open(4, Stage.FINAL_CHECK, waiting=held)
    await listed.open(5, Stage.FINAL_CHECK, waiting=held, provider="twilio")
    await listed.open(6, Stage.SILENT, waiting=Waiting(reason=WaitingReason.BRAKE, since=LATER))
    assert list((await lists.blocked_by()).items()) == [("unpaid-bills", 2), ("resources", 1)]
    assert await lists.blocked_by("twilio") == {"unpaid-bills": 1}
    assert await lists.blocked_by("nobody") == {}
    assert list((await lists.waiting_for()).items()) == [("legal_hold", 2), ("brake", 1)]
    assert await lists.waiting_for("twilio") == {"legal_hold": 1}
    wanted = [ClosureFilter(stage=Stage.BLOCKED), ClosureFilter(waiting=True, provider="twilio"), ALL]
    assert await lists.totals(wanted) == (2, 1, 6)
    assert await lists.totals([]) == ()


async def test_a_refund_is_late_by_the_wall_or_by_the_closure_s_clock_until_it_is_settled(
    listed: Listed, lists: ClosureLists
) -> None:
    await listed.open(1, Stage.RETAINED, refund=refund(RefundState.PENDING, PAST))
    await listed.open(2, Stage.RETAINED, refund=refund(RefundState.PENDING, FUTURE))
    await listed.open(3, Stage.RETAINED, refund=refund(RefundState.LATE, FUTURE))
    await listed.open(4, Stage.RETAINED, refund=refund(RefundState.SETTLED, PAST))
    assert await listed.ids(ClosureFilter(late=True)) == ["c-3", "c-1"]
    assert [each.is_late for each in (await lists.page()).closures] == [False, True, False, True]


async def test_by_the_time_of_opening(listed: Listed) -> None:
    await listed.open(1, time=PAST)
    await listed.open(2, time=NOW)
    assert await listed.ids(ClosureFilter(opened_after=NOW)) == ["c-2"]
    assert await listed.ids(ClosureFilter(opened_before=NOW)) == ["c-1"]
    assert await listed.ids(ClosureFilter(opened_after=PAST, opened_before=NOW)) == ["c-1"]


async def test_by_accounts_of_which_there_may_be_none(listed: Listed) -> None:
    await listed.open(1)
    await listed.open(2)
    assert await listed.ids(ClosureFilter(account_ids=("a-2", "a-9"))) == ["c-2"]
    assert await listed.ids(ClosureFilter(account_ids=())) == []
    many = tuple(f"x-{number}" for number in range(1_200))
    assert await listed.ids(ClosureFilter(account_ids=(*many, "a-1"))) == ["c-1"]


async def test_what_no_workflow_carried_on(listed: Listed, database: Database) -> None:
    await listed.open(1)
    await listed.open(2, Stage.DELETED)
    await listed.open(3)
    gone = update(record_closures).where(record_closures.c.closure_id != "c-3").values(interrupted_at=NOW)
    await execute(database, gone)
    assert await listed.ids(ClosureFilter(interrupted=True)) == ["c-1"]


async def test_a_closure_whose_state_was_broken_is_shown_and_hides_no_other(
    listed: Listed, lists: ClosureLists, database: Database
) -> None:
    await listed.open(1, Stage.READY)
    await listed.open(2, Stage.READY)
    for rubbish in ("", "{", "{}", "\x00\x01" if database.is_sqlite else "[]"):
        broken = update(record_closures).where(record_closures.c.closure_id == "c-1").values(state=rubbish)
        await execute(database, broken)
        page = await lists.page()
        assert [(each.closure_id, each.stage, each.state is None) for each in page.closures] == [
            ("c-2", "ready", False),
            ("c-1", "ready", True),
        ]


FILTERS = {
    "stage": ClosureFilter(stage=Stage.BLOCKED),
    "outcome": ClosureFilter(outcome=Outcome.DELETED),
    "provider": ClosureFilter(provider="nobody"),
    "blocked-by": ClosureFilter(blocked_by="domains"),
    "waiting": ClosureFilter(waiting=True),
    "waiting-for": ClosureFilter(waiting_for="legal_hold"),
    "waiting, of a provider": ClosureFilter(waiting=True, provider="nobody"),
    "late": ClosureFilter(late=True),
    "overdue": ClosureFilter(overdue=True),
    "interrupted": ClosureFilter(interrupted=True),
    "opened-after": ClosureFilter(opened_after=FUTURE),
    "opened-before": ClosureFilter(opened_before=OPENED_AT),
    "ends-before": ClosureFilter(ends_before=NOW),
    "ends-after": ClosureFilter(ends_after=NOW, ends_before=FUTURE),
    "accounts": ClosureFilter(account_ids=("a-1",)),
}


Parameters = tuple[object, ...] | dict[str, object]


@pytest.mark.parametrize("name", FILTERS)
async def test_every_filter_has_an_index(name: str, lists: ClosureLists, database: Database) -> None:
    statements: list[tuple[str, Parameters]] = []

    def note(_1: object, _2: object, statement: str, parameters: Parameters, *_: object) -> None:
        if "FROM record_closures" in statement:
            statements.append((statement, parameters))

    event.listen(database._engine, "before_cursor_execute", note)
    try:
        await lists.page(FILTERS[name])
        await lists.count(FILTERS[name])
    finally:
        event.remove(database._engine, "before_cursor_execute", note)
    assert len(statements) == 2
    for statement, parameters in statements:
        plan = await database.read(partial(explained, statement, parameters))
        assert "SCAN record_closures\n" not in plan, plan
        assert "Seq Scan on record_closures" not in plan, plan


async def test_blocking_checks_are_counted_within_an_index(lists: ClosureLists, database: Database) -> None:
    statements: list[tuple[str, Parameters]] = []

    def note(_1: object, _2: object, statement: str, parameters: Parameters, *_: object) -> None:
        if "FROM record_items" in statement:
            statements.append((statement, parameters))

    event.listen(database._engine, "before_cursor_execute", note)
    try:
        await lists.blocked_by()
    finally:
        event.remove(database._engine, "before_cursor_execute", note)
    ((statement, parameters),) = statements
    plan = await database.read(partial(explained, statement, parameters))
    assert "record_items_blocking" in plan, plan


def explained(statement: str, parameters: Parameters, connection: Connection) -> str:
    """The plan; PostgreSQL's as if the table were large: of an empty one it would use no index."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return "".join(f"{row[3]}\n" for row in rows)
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return "".join(f"{row[0]}\n" for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
