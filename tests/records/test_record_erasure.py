"""Crypto-erasure: after the deletion the record proves what happened and says nothing about whom."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Table, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.lifecycle import Outcome, Stage
from closure.messages import ChecklistItem, IdentityMethod, ItemCategory, StatusDocument
from database import transaction
from database.engine import reading
from records.chain import hash_event
from records.closures import ClosureRecords
from records.entries import AuditEvent, Entry, EventType, HashedPart, ReadEvent
from records.identity import IdentityRecords
from records.personal import ERASED, AccountKey, NotOpened, open_personal, seal_personal
from records.tables import (
    metadata,
    record_account_keys,
    record_closures,
    record_events,
    record_guesses,
    record_proofs,
)
from tests.records.samples import OPENED_AT, carry_to, document, entry, new_closure
from tests.records.test_record_chain import unlock_events

PERSON = "person-marker-7f3a"
REASON = f"reason of {PERSON}"
DOMAIN = f"{PERSON}.example"
PLAN_HASH = "a" * 64


def confirmed(closure_id: str = "c-1") -> Entry:
    return entry(
        Stage.ENTERING,
        closure_id=closure_id,
        actor=PERSON,
        details={"plan_hash": PLAN_HASH, "reason": REASON, "currency": "USD"},
        document=document(
            closure_id,
            stage=Stage.ENTERING,
            plan_hash=PLAN_HASH,
            checklist=(
                ChecklistItem(
                    item_id=f"domains/{DOMAIN}",
                    check="domains",
                    category=ItemCategory.RENOUNCEABLE,
                    title=DOMAIN,
                    how_to=f"transfer {DOMAIN}",
                    resource_id=DOMAIN,
                ),
            ),
            unrecoverable=(f"domains/{DOMAIN}",),
            outcome_reason=REASON,
        ),
    )


async def closure_of_a_person(records: ClosureRecords, identity: IdentityRecords) -> None:
    """A closure that ends silent, after an earlier one that was withdrawn; both full of the person."""
    await records.open(new_closure("c-0", opened_by=PERSON))
    await records.save_plan("c-0", PLAN_HASH, json.dumps({"domain": DOMAIN}))
    await records.write(entry(Stage.CHECKING, closure_id="c-0", actor=PERSON))
    await records.write(
        Entry(
            closure_id="c-0",
            key="withdraw",
            event=EventType.WITHDRAWN,
            time=OPENED_AT,
            stage_from=Stage.CHECKING,
            stage_to=Stage.WITHDRAWN,
            actor=PERSON,
            document=document("c-0", stage=Stage.WITHDRAWN, unrecoverable=(DOMAIN,), outcome_reason=REASON),
        )
    )
    await records.open(new_closure(opened_by=PERSON))
    await records.save_plan("c-1", PLAN_HASH, json.dumps({"domain": DOMAIN}))
    await identity.issue_code("a-1", PERSON, IdentityMethod.EMAIL_CODE)
    await identity.record_proof("a-1", PERSON, IdentityMethod.PASSWORD)
    async with transaction(identity._engine) as connection:
        await connection.execute(
            insert(record_guesses).values(
                guess_id="g", account_id="a-1", user_id=PERSON, guessed_at=datetime.now(UTC)
            )
        )
    await records.write(entry(Stage.CHECKING, actor=PERSON))
    await records.write(entry(Stage.READY))
    await records.write(confirmed())
    await records.write(entry(Stage.SILENT))


async def end(records: ClosureRecords) -> None:
    for stage in (Stage.FINAL_CHECK, Stage.DELETING):
        await records.write(entry(stage))
    await records.write(
        entry(Stage.DELETED, details={"stores": [DOMAIN], "said": REASON, "deleted": 3}, actor=PERSON)
    )


async def everything(engine: AsyncEngine) -> dict[str, str]:
    """All that the record's tables hold, by table."""
    async with reading(engine) as connection:
        return {
            name: "\n".join(str(dict(row)) for row in (await connection.execute(select(table))).mappings())
            for name, table in metadata.tables.items()
        }


async def rows(engine: AsyncEngine, table: Table) -> list[dict[str, object]]:
    async with reading(engine) as connection:
        return [dict(row) for row in (await connection.execute(select(table))).mappings()]


async def test_events_hold_no_personal_data_in_the_clear_even_while_it_is_readable(
    records: ClosureRecords, identity: IdentityRecords, engine: AsyncEngine
) -> None:
    await closure_of_a_person(records, identity)
    assert PERSON not in (await everything(engine))["record_events"]
    # What proves the amounts and the plan stays readable without the key.
    assert PLAN_HASH in (await everything(engine))["record_events"]
    event = (await records.events("c-1"))[3]
    assert (event.actor, event.details["reason"], event.erased) == (PERSON, REASON, False)
    opened = await records.get("c-1")
    assert opened is not None
    assert opened.opened_by == PERSON
    assert [each.opened_by for each in await records.listing()] == [PERSON, PERSON]


async def test_after_the_deletion_no_table_of_the_record_says_anything_about_the_person(
    records: ClosureRecords, identity: IdentityRecords, engine: AsyncEngine
) -> None:
    await closure_of_a_person(records, identity)
    before = {name for name, content in (await everything(engine)).items() if PERSON in content}
    assert before == {
        "record_closures",
        "record_plans",
        "record_challenges",
        "record_guesses",
        "record_proofs",
    }
    await end(records)
    for name, content in (await everything(engine)).items():
        assert PERSON not in content, name
    (key,) = await rows(engine, record_account_keys)
    assert key["key"] is None
    assert key["destroyed_at"] is not None


async def test_after_the_deletion_the_chains_still_verify_and_show_what_is_erased(
    records: ClosureRecords, identity: IdentityRecords
) -> None:
    await closure_of_a_person(records, identity)
    await end(records)
    for closure_id in ("c-0", "c-1"):
        trail = await records.trail(closure_id)
        assert trail is not None
        assert trail.fault is None
    confirm, deleted = (await records.events("c-1"))[3], (await records.events("c-1"))[-1]
    assert (confirm.actor, confirm.erased) == (ERASED, True)
    assert confirm.details == {"plan_hash": PLAN_HASH, "currency": "USD", "reason": ERASED}
    assert deleted.details == {"deleted": 3, "said": ERASED, "stores": ERASED}
    assert (await records.events("c-1"))[2].actor is None  # nobody's act stays nobody's
    recorded = await records.get("c-1")
    assert recorded is not None
    assert recorded.opened_by is None
    assert recorded.document.outcome is Outcome.DELETED
    assert recorded.document.plan_hash == PLAN_HASH
    assert (recorded.document.checklist, recorded.document.unrecoverable) == ((), ())
    assert await records.plan("c-1", PLAN_HASH) is None


async def test_what_an_auditor_sees_is_enough_to_compute_the_hashes(
    records: ClosureRecords, identity: IdentityRecords
) -> None:
    await closure_of_a_person(records, identity)
    await end(records)
    for event in await records.events("c-1"):
        stored = event.model_copy(update={"actor": event.hashed.actor, "details": event.hashed.details})
        assert hash_event(stored) == event.hash


@pytest.mark.parametrize("stage", [Stage.SILENT, Stage.DELETING])
async def test_nothing_is_erased_before_the_last_step(
    records: ClosureRecords, identity: IdentityRecords, stage: Stage
) -> None:
    await closure_of_a_person(records, identity)
    if stage is Stage.DELETING:
        await records.write(entry(Stage.FINAL_CHECK))
        await records.write(entry(Stage.DELETING))
    assert (await records.events("c-1"))[3].actor == PERSON
    assert await records.plan("c-1", PLAN_HASH) is not None


async def test_another_accounts_data_stays(records: ClosureRecords, identity: IdentityRecords) -> None:
    await closure_of_a_person(records, identity)
    await carry_to(records, Stage.READY, "c-2", "a-2")
    await records.save_plan("c-2", PLAN_HASH, "{}")
    await identity.record_proof("a-2", PERSON, IdentityMethod.PASSWORD)
    await end(records)
    assert (await records.events("c-2"))[0].actor == "u-1"
    assert await records.plan("c-2", PLAN_HASH) == "{}"
    assert [row["account_id"] for row in await rows(identity._engine, record_proofs)] == ["a-2"]


async def test_the_last_step_again_changes_nothing(
    records: ClosureRecords, identity: IdentityRecords, engine: AsyncEngine
) -> None:
    await closure_of_a_person(records, identity)
    await end(records)
    before = await everything(engine)
    await end(records)
    assert await everything(engine) == before


async def test_a_step_that_fails_erases_nothing(
    records: ClosureRecords, identity: IdentityRecords, engine: AsyncEngine
) -> None:
    """The last event and the erasure are one transaction."""
    await closure_of_a_person(records, identity)
    await records.write(entry(Stage.FINAL_CHECK))
    await records.write(entry(Stage.DELETING))
    async with transaction(engine) as connection:
        await connection.execute(text("ALTER TABLE record_proofs RENAME TO record_proofs_away"))
    with pytest.raises(DBAPIError):
        await records.write(entry(Stage.DELETED))
    assert (await records.events("c-1"))[3].details["reason"] == REASON
    recorded = await records.get("c-1")
    assert recorded is not None
    assert recorded.document.stage is Stage.DELETING


async def test_what_is_written_after_the_deletion_is_under_a_key_that_is_kept_nowhere(
    records: ClosureRecords, identity: IdentityRecords, engine: AsyncEngine
) -> None:
    await closure_of_a_person(records, identity)
    await end(records)
    await records.open(new_closure("c-9", opened_by=PERSON))
    refused = document("c-9", stage=Stage.REFUSED, outcome=Outcome.REFUSED, outcome_reason="it is closed")
    await records.write(
        Entry(
            closure_id="c-9",
            key="refuse",
            event=EventType.REFUSED,
            time=OPENED_AT,
            stage_from=Stage.OPENED,
            stage_to=Stage.REFUSED,
            actor=PERSON,
            document=refused,
        )
    )
    for name, content in (await everything(engine)).items():
        assert PERSON not in content, name
    trail = await records.trail("c-9")
    assert trail is not None
    assert trail.fault is None
    assert [event.actor for event in trail.events] == [ERASED, ERASED]


async def test_a_key_that_was_destroyed_by_somebody_else_is_found(
    records: ClosureRecords, identity: IdentityRecords, engine: AsyncEngine
) -> None:
    await closure_of_a_person(records, identity)
    async with transaction(engine) as connection:
        await connection.execute(update(record_account_keys).values(key=None, destroyed_at=OPENED_AT))
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is not None
    assert "key of the account's personal data is gone" in trail.fault.reason


async def test_a_key_that_was_exchanged_is_found(
    records: ClosureRecords, identity: IdentityRecords, engine: AsyncEngine
) -> None:
    await closure_of_a_person(records, identity)
    async with transaction(engine) as connection:
        await connection.execute(update(record_account_keys).values(key=AccountKey.new().hex()))
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is not None
    assert "unreadable" in trail.fault.reason
    with pytest.raises(ValueError, match="does not open"):
        await records.events("c-1")


async def test_a_key_put_back_after_the_deletion_is_found(
    records: ClosureRecords, identity: IdentityRecords, engine: AsyncEngine
) -> None:
    await closure_of_a_person(records, identity)
    (kept,) = await rows(engine, record_account_keys)
    await end(records)
    async with transaction(engine) as connection:
        await connection.execute(update(record_account_keys).values(key=kept["key"], destroyed_at=None))
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is not None
    assert "still there although the account was deleted" in trail.fault.reason


async def test_an_event_of_before_there_were_keys_still_verifies(
    records: ClosureRecords, engine: AsyncEngine
) -> None:
    """Chains are never rewritten: the actor of an old event stays as it was hashed."""
    await records.open(new_closure())
    (read,) = await records.events("c-1")
    details = {name: value for name, value in read.details.items() if name != "mode"}
    old = AuditEvent(**{**dict(read), "actor": "u-1", "details": details})
    digest = hash_event(old)
    async with transaction(engine) as connection:
        await unlock_events(connection)
        await connection.execute(
            update(record_events).values(
                actor="u-1",
                details=json.dumps(details, sort_keys=True, separators=(",", ":")),
                hash=digest,
            )
        )
        await connection.execute(update(record_closures).values(head_hash=digest, opened_by="u-1"))
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is None
    assert trail.events[0].actor == "u-1"


EVENT = AuditEvent(
    closure_id="c-1",
    sequence=1,
    key="confirm",
    event=EventType.CONFIRMED,
    time=OPENED_AT,
    stage_from=Stage.READY,
    stage_to=Stage.ENTERING,
    actor=PERSON,
    details={"reason": REASON, "plan_hash": PLAN_HASH, "a new detail": "nobody has thought about it"},
    previous_hash="0" * 64,
    hash="",
)


def test_every_detail_that_is_not_known_to_be_public_is_sealed() -> None:
    sealed = seal_personal(EVENT, AccountKey.new())
    assert sealed.actor is None
    assert set(sealed.details) == {"plan_hash", "sealed"}
    assert REASON not in str(sealed.details)
    assert "nobody has thought" not in str(sealed.details)


def test_the_same_text_is_never_sealed_to_the_same_content() -> None:
    key = AccountKey.new()
    assert seal_personal(EVENT, key).details != seal_personal(EVENT, key).details


@pytest.mark.parametrize("change", [{"closure_id": "c-2"}, {"key": "other"}, {"event": EventType.WITHDRAWN}])
def test_a_sealed_part_opens_nowhere_but_in_its_place(change: dict[str, object]) -> None:
    key = AccountKey.new()
    sealed = seal_personal(EVENT, key)
    assert open_personal(sealed, key).actor == PERSON
    with pytest.raises(NotOpened):
        open_personal(sealed.model_copy(update=change), key)


@pytest.mark.parametrize("content", ["", "1.", "1.AAAA", "not base64", 7, None, {"fields": []}])
def test_a_sealed_part_that_is_none_does_not_open(content: object) -> None:
    event = EVENT.model_copy(update={"details": {"sealed": {"fields": ["actor"], "content": content}}})
    with pytest.raises(NotOpened):
        open_personal(event, AccountKey.new())


def test_an_event_without_personal_parts_is_stored_as_it_is() -> None:
    plain = EVENT.model_copy(update={"actor": None, "details": {"currency": "USD"}})
    assert seal_personal(plain, AccountKey.new()) == plain
    assert open_personal(plain, None) == ReadEvent(
        **dict(plain), hashed=HashedPart(actor=None, details={"currency": "USD"})
    )


def test_names_of_users_can_be_compared_within_an_account_only() -> None:
    key = AccountKey.new()
    assert key.name("u-1") == key.name("u-1") != key.name("u-2")
    assert key.name("u-1") != AccountKey.new().name("u-1")


def test_a_key_never_shows_in_what_is_printed_of_it() -> None:
    key = AccountKey.new()
    assert key.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


def test_a_document_keeps_nothing_that_is_not_known_to_be_public() -> None:
    full = StatusDocument(
        **{
            **document(stage=Stage.DELETED).model_dump(),
            "outcome": Outcome.DELETED,
            "outcome_reason": REASON,
            "unrecoverable": (DOMAIN,),
            "restart_advice": REASON,
            "web_url": REASON,
            "confirmed_at": OPENED_AT + timedelta(minutes=1),
        }
    )
    left = full.without_personal_data()
    assert PERSON not in left.model_dump_json()
    assert (left.outcome, left.confirmed_at) == (full.outcome, full.confirmed_at)
