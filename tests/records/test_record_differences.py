"""What SQLite and PostgreSQL do differently by themselves is the same through the record."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.errors import RefusalType, Refused
from closure.lifecycle import Stage
from database import create_engine, transaction
from records.closures import ClosureRecords
from tests.records.samples import carry_to, document, entry, new_closure

NUL = "a\0b"
LONE_SURROGATE = "a\udc80b"
LONGEST = "ü" * 200


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 7, 1, 1, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    ],
)
async def test_instants_keep_their_microseconds_and_come_back_in_utc(
    records: ClosureRecords, moment: datetime
) -> None:
    await records.open(new_closure(time=moment))
    recorded = await records.get("c-1")
    (opened,) = await records.events("c-1")
    assert recorded is not None
    assert recorded.opened_at == recorded.updated_at == opened.time == moment
    assert {recorded.opened_at.tzinfo, opened.time.tzinfo} == {UTC}
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is None


async def test_the_time_zone_of_the_database_does_not_matter(
    records: ClosureRecords, engine: AsyncEngine
) -> None:
    if engine.dialect.name == "postgresql":
        async with transaction(engine) as connection:
            await connection.execute(
                text(f"ALTER DATABASE \"{engine.url.database}\" SET timezone TO 'Asia/Tokyo'")
            )
        await engine.dispose()
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    await records.open(new_closure(time=moment))
    other = create_engine(engine.url.render_as_string(hide_password=False))
    recorded = await ClosureRecords(other).get("c-1")
    await other.dispose()
    assert recorded is not None
    assert recorded.opened_at == moment
    assert recorded.opened_at.utcoffset() == timedelta(0)


OPENING = {
    "closure_id": new_closure(LONGEST),
    "account_id": new_closure(account_id=LONGEST),
    "opened_by": new_closure(opened_by=LONGEST),
    "key": new_closure(key="ü" * 500),
}


@pytest.mark.parametrize("field", OPENING)
async def test_texts_as_long_as_a_column_are_kept(records: ClosureRecords, field: str) -> None:
    new = OPENING[field]
    await records.open(new)
    recorded = await records.get(new.document.closure_id)
    assert recorded is not None
    assert (recorded.document, recorded.opened_by) == (new.document, new.opened_by)


@pytest.mark.parametrize("bad", ["ü" * 501, NUL, LONE_SURROGATE], ids=["too long", "NUL", "surrogate"])
@pytest.mark.parametrize("field", ["closure_id", "account_id", "provider", "policy", "opened_by", "key"])
async def test_an_opening_that_one_database_could_not_store_is_refused_by_both(
    records: ClosureRecords, field: str, bad: str
) -> None:
    if field in ("opened_by", "key"):
        new = new_closure(**{field: bad})
    else:
        new = new_closure(document=document(**{field: bad}))
    with pytest.raises(Refused) as refused:
        await records.open(new)
    assert refused.value.type is RefusalType.MALFORMED_INPUT
    assert await records.listing() == ()


@pytest.mark.parametrize("bad", ["ü" * 501, NUL, LONE_SURROGATE], ids=["too long", "NUL", "surrogate"])
@pytest.mark.parametrize("field", ["closure_id", "actor", "key"])
async def test_a_write_that_one_database_could_not_store_is_refused_by_both(
    records: ClosureRecords, field: str, bad: str
) -> None:
    await records.open(new_closure())
    with pytest.raises(Refused) as refused:
        await records.write(entry(Stage.CHECKING, **{field: bad}))
    assert refused.value.type is RefusalType.MALFORMED_INPUT
    assert len(await records.events("c-1")) == 1


@pytest.mark.parametrize(
    "changes",
    [{"details": {"reason": LONE_SURROGATE}}, {"document": document(outcome_reason=LONE_SURROGATE)}],
    ids=["details", "document"],
)
async def test_json_with_characters_that_are_no_text_is_refused(
    records: ClosureRecords, changes: Mapping[str, object]
) -> None:
    await records.open(new_closure())
    with pytest.raises(Refused) as refused:
        await records.write(entry(Stage.CHECKING, **changes))
    assert refused.value.type is RefusalType.MALFORMED_INPUT
    assert len(await records.events("c-1")) == 1


async def test_a_customers_own_words_are_kept_to_the_last_character(records: ClosureRecords) -> None:
    words = "NUL \0, quote ', 数据, \U0001f600, " + "x" * 100_000
    await records.open(new_closure())
    changed = document(outcome_reason=words)
    await records.write(entry(Stage.CHECKING, details={"reason": words}, document=changed))
    recorded = await records.get("c-1")
    trail = await records.trail("c-1")
    assert recorded is not None
    assert trail is not None
    assert recorded.document.outcome_reason == words
    assert trail.events[-1].details == {"reason": words}
    assert trail.fault is None


async def test_json_numbers_and_booleans_keep_their_kind(records: ClosureRecords) -> None:
    details = {"yes": True, "one": 1, "float": 1.0, "big": 10**18, "none": None, "list": [False, 0, "", {}]}
    await records.open(new_closure())
    await records.write(entry(None, details=details))
    event = (await records.events("c-1"))[-1]
    assert repr(event.details) == repr(dict(sorted(details.items())))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record_events SET actor = 'u-9' WHERE sequence = 1",
        "DELETE FROM record_events WHERE sequence = 3",
        "INSERT INTO record_events SELECT * FROM record_events WHERE sequence = 1",
        "DELETE FROM record_closures",
        "UPDATE record_closures SET outcome = 'deleted'",
    ],
)
async def test_the_database_refuses_to_change_what_was_written(
    records: ClosureRecords, engine: AsyncEngine, statement: str
) -> None:
    await carry_to(records, Stage.READY)
    before = await records.trail("c-1")
    with pytest.raises(IntegrityError):
        async with transaction(engine) as connection:
            await connection.execute(text(statement))
    assert await records.trail("c-1") == before


async def test_no_other_spelling_of_a_change_gets_past_either(
    records: ClosureRecords, engine: AsyncEngine
) -> None:
    await records.open(new_closure())
    statement = (
        "TRUNCATE record_events"
        if engine.dialect.name == "postgresql"
        else "INSERT OR REPLACE INTO record_events SELECT * FROM record_events"
    )
    with pytest.raises(IntegrityError, match="never changed"):
        async with transaction(engine) as connection:
            await connection.execute(text(statement))
