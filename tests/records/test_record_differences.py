"""What SQLite and PostgreSQL do differently by themselves is the same through the record."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import JsonValue, ValidationError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from closure.acts import ActKind, ConfirmWords, NewAct
from closure.errors import RefusalType, Refused
from closure.events import Confirmed, Event, EventType
from closure.findings import Change
from closure.lifecycle import Stage
from closure.messages import ItemCategory
from closure.state import ClosureState
from closure.transitions import final_check_failed
from database import Database
from records.listing import ClosureLists
from records.reading import ClosureRecords
from records.record import Record
from records.tables import record_acts
from tests.records.samples import Closures, execute, new_state, rows
from tests.unit.examples import item

NUL = "a\0b"
LONE_SURROGATE = "a\udc80b"
LONGEST = "ü" * 200


class Noted(Event):
    """An event whose content is any JSON."""

    TYPE = EventType.CANCEL_IGNORED
    said: JsonValue


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 7, 1, 1, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    ],
)
async def test_instants_keep_their_microseconds_and_come_back_in_utc(
    closures: Closures, records: ClosureRecords, moment: datetime
) -> None:
    await closures.open(new_state(draft_until=moment), time=moment)
    recorded = await records.get("c-1")
    (opened,) = await records.events("c-1")
    assert recorded is not None
    assert recorded.opened_at == recorded.updated_at == recorded.state.draft_until == opened.time == moment
    assert {recorded.opened_at.tzinfo, recorded.state.draft_until.tzinfo, opened.time.tzinfo} == {UTC}
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is None


async def test_the_time_zone_of_the_database_does_not_matter(closures: Closures, database: Database) -> None:
    url = database.url
    if not database.is_sqlite:
        await execute(database, text(f"ALTER DATABASE \"{url.database}\" SET timezone TO 'Asia/Tokyo'"))
        await database.dispose()
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    await closures.open(time=moment)
    other = Database(url.render_as_string(hide_password=False))
    recorded = await ClosureRecords(Record(other, closures.record.installation)).get("c-1")
    await other.dispose()
    assert recorded is not None
    assert recorded.opened_at == moment
    assert recorded.opened_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("field", ["closure_id", "account_id", "opened_by"])
async def test_texts_as_long_as_a_column_are_kept(
    closures: Closures, records: ClosureRecords, field: str
) -> None:
    new = new_state() if field == "opened_by" else new_state(**{field: LONGEST})
    opened_by = LONGEST if field == "opened_by" else "u-1"
    await closures.open(new, opened_by=opened_by)
    recorded = await records.get(new.closure_id)
    assert recorded is not None
    assert (recorded.state, recorded.opened_by) == (new, opened_by)


@pytest.mark.parametrize("bad", ["ü" * 501, NUL, LONE_SURROGATE], ids=["too long", "NUL", "surrogate"])
@pytest.mark.parametrize("field", ["closure_id", "account_id", "provider", "policy", "policy_version"])
async def test_an_opening_that_one_database_could_not_store_is_refused_by_both(
    closures: Closures, lists: ClosureLists, field: str, bad: str
) -> None:
    with pytest.raises(Refused) as refused:
        await closures.open(new_state(**{field: bad}))
    assert refused.value.type is RefusalType.MALFORMED_INPUT
    assert await lists.count() == {}


@pytest.mark.parametrize("bad", ["ü" * 201, NUL, LONE_SURROGATE], ids=["too long", "NUL", "surrogate"])
@pytest.mark.parametrize("field", ["account_id", "closure_id", "user_id"])
def test_an_act_of_what_no_database_could_store_is_none(field: str, bad: str) -> None:
    good = {"kind": ActKind.CONFIRM, "account_id": "a-1", "closure_id": "c-1", "user_id": "u-1"}
    NewAct.model_validate(good)
    with pytest.raises(ValidationError):
        NewAct.model_validate({**good, field: bad})


async def test_words_with_characters_that_are_no_text_are_refused(
    closures: Closures, database: Database
) -> None:
    with pytest.raises(Refused) as refused:
        await closures.act(words=ConfirmWords(reason=LONE_SURROGATE))
    assert refused.value.type is RefusalType.MALFORMED_INPUT
    assert await rows(database, record_acts) == []


async def test_a_customers_own_words_are_kept_to_the_last_character(
    closures: Closures, records: ClosureRecords, record: Record
) -> None:
    words = "NUL \0, quote ', 数据, \U0001f600, " + "x" * 100_000
    await closures.carry_to(Stage.FINAL_CHECK)
    owed = (item(words, ItemCategory.MANUAL),)
    await closures.take(lambda state: final_check_failed(state, owed))
    await closures.take(lambda state: Change(state, Confirmed(plan_hash="", reason=words)))
    recorded = await records.get("c-1")
    trail = await records.trail("c-1")
    assert recorded is not None
    assert trail is not None
    assert recorded.state.outcome_reason == f"newly found at the final check: {words}"
    assert trail.events[-1].details["reason"] == words
    assert trail.events[-2].details["owed"] == [words]
    assert trail.fault is None


async def test_json_numbers_and_booleans_keep_their_kind(closures: Closures, records: ClosureRecords) -> None:
    said: dict[str, JsonValue] = {
        "yes": True,
        "one": 1,
        "float": 1.0,
        "big": 10**18,
        "none": None,
        "list": [False, 0, "", {}],
    }

    def note(state: ClosureState) -> Change:
        return Change(state, Noted(said=said))

    await closures.open()
    await closures.take(note)
    event = (await records.events("c-1"))[-1]
    assert repr(event.details["said"]) == repr(dict(sorted(said.items())))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record_events SET actor = 'u-9' WHERE sequence = 1",
        "DELETE FROM record_events WHERE sequence = 3",
        "INSERT INTO record_events SELECT * FROM record_events WHERE sequence = 1",
        "DELETE FROM record_closures",
        "UPDATE record_closures SET outcome = 'deleted'",
        "UPDATE record_closures SET policy_hash = 'none'",
    ],
)
async def test_the_database_refuses_to_change_what_was_written(
    closures: Closures, records: ClosureRecords, database: Database, statement: str
) -> None:
    await closures.carry_to(Stage.READY)
    before = await records.trail("c-1")
    with pytest.raises(IntegrityError):
        await execute(database, text(statement))
    assert await records.trail("c-1") == before


async def test_no_other_spelling_of_a_change_gets_past_either(closures: Closures, database: Database) -> None:
    await closures.open()
    statement = (
        "INSERT OR REPLACE INTO record_events SELECT * FROM record_events"
        if database.is_sqlite
        else "TRUNCATE record_events"
    )
    with pytest.raises(IntegrityError, match="never changed"):
        await execute(database, text(statement))
