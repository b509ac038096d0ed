"""How long lists take in a record of many closures: `python -m benchmarks.listing [CLOSURES]`.

The closures are written straight into an SQLite file that is gone afterwards: most of them are deleted, and
many items block every fifth of the blocked ones.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert

from closure.installation import InstallationKind
from closure.lifecycle import Mode, Outcome, Stage
from closure.messages import ItemCategory, RefundState, RefundStatus
from closure.state import ClosureState
from closure.waiting import Waiting, WaitingReason
from database import Database, upgrade
from database.parts import in_parts
from records.installation import create_installation
from records.listing import ALL, ClosureFilter, ClosureLists
from records.record import Record
from records.rows import state_columns
from records.schema import MIGRATIONS
from records.tables import record_closures, record_items, record_policies

CLOSURES: Final = 100_000
LONGEST: Final = 1.0
"""Seconds that any list may take."""
NOW: Final = datetime.now(UTC)
STAGES: Final = (
    *(Stage.DELETED for _ in range(12)),
    *(Stage.BLOCKED, Stage.BLOCKED, Stage.READY, Stage.SILENT, Stage.SILENT),
    *(Stage.RETAINED, Stage.FINAL_CHECK, Stage.EXPIRED),
)

FILTERS: Final[Mapping[str, ClosureFilter]] = {
    "all": ALL,
    "--stage blocked": ClosureFilter(stage=Stage.BLOCKED),
    "--outcome restored": ClosureFilter(outcome=Outcome.RESTORED),
    "--provider p-1": ClosureFilter(provider="p-1"),
    "--provider nobody": ClosureFilter(provider="nobody"),
    "--blocked-by bills": ClosureFilter(blocked_by="bills"),
    "--blocked-by rare": ClosureFilter(blocked_by="rare"),
    "--waiting": ClosureFilter(waiting=True),
    "--late": ClosureFilter(late=True),
    "--overdue": ClosureFilter(overdue=True),
    "--interrupted": ClosureFilter(interrupted=True),
    "--ends-before tomorrow": ClosureFilter(ends_before=NOW + timedelta(days=1)),
    "--opened-after, a day": ClosureFilter(opened_after=NOW - timedelta(days=1)),
    "--opened-before, all": ClosureFilter(opened_before=NOW + timedelta(days=1)),
    "--user, of 3 accounts": ClosureFilter(account_ids=("a-1", "a-2", "a-3")),
}


def _state(number: int) -> ClosureState:
    stage = STAGES[number % len(STAGES)]
    opened_at = NOW - timedelta(minutes=5 * (CLOSURES - number))
    is_retained, is_final = stage is Stage.RETAINED, stage is Stage.FINAL_CHECK
    due_by = NOW + timedelta(days=number // len(STAGES) % 20 - 2)
    refund = RefundStatus(status=RefundState.PENDING, amount="5.00", currency="USD", due_by=due_by)
    return ClosureState(
        closure_id=f"closure-{number:032x}",
        account_id=f"a-{number}",
        provider=f"p-{number % 2}",
        policy="p",
        policy_version="1",
        mode=Mode.DELETE,
        workflow_id=f"closure/p/a-{number}",
        stage=stage,
        opened_at=opened_at,
        draft_until=NOW + timedelta(hours=number % 700 - 5),
        item_count=5 if stage is Stage.BLOCKED else 0,
        blocking=5 if stage is Stage.BLOCKED else 0,
        silent_until=NOW + timedelta(hours=number % 160),
        delete_after=NOW + timedelta(hours=number % 700),
        refund=refund if is_retained else None,
        waiting=Waiting(reason=WaitingReason.LEGAL_HOLD, since=NOW) if is_final else None,
    )


def _closure(number: int) -> dict[str, object]:
    state = _state(number)
    return {
        "closure_id": state.closure_id,
        "account_id": state.account_id,
        "provider": state.provider,
        "mode": state.mode.value,
        "workflow_id": state.workflow_id,
        "policy": state.policy,
        "policy_version": state.policy_version,
        "policy_hash": "h",
        "opened_at": state.opened_at,
        "updated_at": state.opened_at,
        "stage_since": state.opened_at,
        "interrupted_at": NOW if number % 5_000 == 0 else None,
        "event_count": 1,
        "head_hash": "h",
        **state_columns(state),
    }


def _items(number: int) -> Iterator[dict[str, object]]:
    if STAGES[number % len(STAGES)] is not Stage.BLOCKED:
        return
    for position in range(100 if number // len(STAGES) % 5 == 0 else 5):
        yield {
            "closure_id": f"closure-{number:032x}",
            "position": position,
            "item_id": f"item/{position}",
            "check_id": "rare" if number % 9_973 == 13 else ("bills", "resources", "domains")[position % 3],
            "category": ItemCategory.MANUAL.value,
            "title": "Something",
            "how_to": "Do it.",
            "renounced": False,
        }


def fill(connection: Connection, number: int) -> None:
    """Writes so many closures into an empty record."""
    policy = {"policy_hash": "h", "name": "p", "version": "1", "content": "{}"}
    connection.execute(insert(record_policies).values(policy))
    for part in in_parts(map(_closure, range(number))):
        connection.execute(insert(record_closures), part)
    for part in in_parts(item for each in range(number) for item in _items(each)):
        connection.execute(insert(record_items), part)


async def measure(folder: Path, number: int) -> bool:
    """Prints how long each list takes, in milliseconds; whether none takes too long."""
    database = Database(f"sqlite+aiosqlite:///{folder}/record.db")
    try:
        await upgrade(database, MIGRATIONS)
        record = Record(database, await create_installation(database, InstallationKind.LOCAL))
        await database.write(lambda connection: fill(connection, number))
        lists, slowest = ClosureLists(record), 0.0
        print(f"{number} closures; milliseconds for a page, and for the count")
        for name, wanted in FILTERS.items():
            began = time.perf_counter()
            found = len((await lists.page(wanted)).closures)
            paged = time.perf_counter()
            total = sum((await lists.count(wanted)).values())
            counted = time.perf_counter()
            slowest = max(slowest, paged - began, counted - paged)
            print(
                f"{name:24}{(paged - began) * 1000:8.0f}{(counted - paged) * 1000:8.0f}   {found} of {total}"
            )
        return slowest < LONGEST
    finally:
        await database.dispose()


def main() -> int:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else CLOSURES
    with tempfile.TemporaryDirectory() as folder:
        in_time = asyncio.run(measure(Path(folder), number))
    print("each in less than a second" if in_time else "TOO SLOW")
    return 0 if in_time else 1


if __name__ == "__main__":
    sys.exit(main())
