"""Crypto-erasure: after the deletion the record proves what happened and says nothing about whom."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, insert, text, update
from sqlalchemy.exc import DBAPIError

from closure.accounts import DataStore, Resource
from closure.acts import ActKind, CloseWords, ConfirmWords
from closure.errors import RefusalType, Refused
from closure.events import Confirmed, EventType
from closure.findings import Change
from closure.lifecycle import Outcome, Stage
from closure.messages import ChecklistItem, IdentityMethod, ItemCategory
from closure.state import STATE, Approver, ClosureState
from closure.steps import Step
from closure.transitions import confirmed, renounced, surveyed, waits, withdrawn, without_personal_data
from closure.waiting import WaitingReason
from database import Database
from records.acts import ERASED_USER, refuse_act, take_act
from records.chain import hash_event
from records.closures import LockedClosure
from records.entries import AuditEvent, HashedPart, ReadEvent
from records.guesses import NO_CODE
from records.identity import IdentityRecords
from records.personal import ERASED, AccountKey, NotOpened, open_personal, seal_personal
from records.plans import replace_items, replace_losses
from records.reading import ClosureRecords
from records.record import Record
from records.steps import close_step, open_step
from records.tables import metadata, record_account_keys, record_guesses, record_proofs
from tests.records.samples import LATER, OPENED_AT, Closures, execute, findings, new_state, rows
from tests.unit.examples import account, alibaba_cloud, item

PERSON = "person-marker-7f3a"
REASON = f"reason of {PERSON}"
DOMAIN = f"{PERSON}.example"
THING = item(
    f"domains/{DOMAIN}",
    ItemCategory.RENOUNCEABLE,
    title=DOMAIN,
    how_to=f"transfer {DOMAIN}",
    resource_id=DOMAIN,
)
FOUND = replace(
    findings(
        account(
            resources=(Resource(resource_id=DOMAIN, product="ecs", renounceable=True),),
            stores=(DataStore(store_id=DOMAIN, store="object-storage", objects=3),),
        )
    ),
    items=(THING,),
)
GIVEN_UP: tuple[ChecklistItem, ...] = (THING.model_copy(update={"renounced": True}),)
PLAN_HASH = FOUND.plan.plan_hash


def confirm(state: ClosureState) -> Change:
    return confirmed(state, alibaba_cloud(), replace(FOUND, items=GIVEN_UP), reason=REASON, now=LATER)


def held_up(state: ClosureState) -> Change:
    return waits(state, WaitingReason.SUBACCOUNTS, now=LATER, detail=REASON)


async def closure_of_a_person(closures: Closures, identity: IdentityRecords) -> None:
    """A closure that is silent, after an earlier one that was withdrawn; both full of the person."""
    await closures.open(new_state("c-0"), opened_by=PERSON)
    await closures.save(FOUND.plan, "c-0")
    await closures.go_on_to(Stage.CHECKING, "c-0")
    await closures.take(lambda state: Change(replace(state, outcome_reason=REASON)), "c-0")
    await closures.take(withdrawn, "c-0", actor=PERSON)
    await closures.open(opened_by=PERSON)
    await closures.save(FOUND.plan)
    await identity.issue_code("a-1", PERSON, IdentityMethod.EMAIL_CODE)
    await identity.record_proof("a-1", PERSON, IdentityMethod.PASSWORD, door=ActKind.CLOSE)
    guess = {"guess_id": "g", "challenge_id": NO_CODE, "account_id": "a-1", "asker": PERSON}
    await execute(
        closures.record.database, insert(record_guesses).values({**guess, "guessed_at": datetime.now(UTC)})
    )
    await closures.act(words=ConfirmWords(reason=REASON), user_id=PERSON)
    await closures.go_on_to(Stage.CHECKING)
    await closures.take(lambda state: surveyed(state, FOUND))
    await closures.take(lambda state: renounced(state, GIVEN_UP, (THING.item_id,)), actor=PERSON)
    await closures.take(confirm, actor=PERSON)

    def stop(connection: Connection, closure: LockedClosure) -> None:
        replace_items(connection, "c-1", FOUND.items)
        replace_losses(connection, "c-1", FOUND.plan)
        open_step(connection, closure, Step.STOP, "run-1", now=LATER)
        close_step(connection, "c-1", Step.STOP, now=LATER, result=f'["{DOMAIN}"]')

    await closures.locked("c-1", stop)
    await closures.go_on_to(Stage.SILENT)
    await closures.take(held_up)


async def end(closures: Closures) -> None:
    await closures.go_on_to(Stage.DELETED)


async def everything(database: Database) -> dict[str, str]:
    """All that the record's tables hold, by table."""
    return {name: "\n".join(map(str, await rows(database, table))) for name, table in metadata.tables.items()}


async def test_events_and_acts_hold_no_personal_data_in_the_clear_even_while_it_is_readable(
    closures: Closures, records: ClosureRecords, identity: IdentityRecords, database: Database
) -> None:
    await closure_of_a_person(closures, identity)
    stored = await everything(database)
    assert PERSON not in stored["record_events"]
    assert PERSON not in stored["record_acts"]
    # What proves the amounts and the plan stays readable without the key.
    assert PLAN_HASH in stored["record_events"]
    given_up, event = (await records.events("c-1"))[3:5]
    assert given_up.details == {"number": 1, "items": [THING.item_id]}
    assert (event.actor, event.details["reason"], event.erased) == (PERSON, REASON, False)
    assert event.content == Confirmed(plan_hash=PLAN_HASH, reason=REASON)
    opened = await records.get("c-1")
    assert opened is not None
    assert opened.opened_by == PERSON


async def test_after_the_deletion_no_table_of_the_record_says_anything_about_the_person(
    closures: Closures, identity: IdentityRecords, database: Database
) -> None:
    await closure_of_a_person(closures, identity)
    before = {name for name, content in (await everything(database)).items() if PERSON in content}
    assert before == {
        "record_closures",
        "record_items",
        "record_losses",
        "record_plans",
        "record_steps",
        "record_challenges",
        "record_guesses",
        "record_proofs",
    }
    await end(closures)
    for name, content in (await everything(database)).items():
        assert PERSON not in content, name
    (key,) = await rows(database, record_account_keys)
    assert key["key"] is None
    assert key["destroyed_at"] is not None


async def test_after_the_deletion_the_chains_still_verify_and_show_what_is_erased(
    closures: Closures, records: ClosureRecords, identity: IdentityRecords
) -> None:
    await closure_of_a_person(closures, identity)
    await end(closures)
    for closure_id in ("c-0", "c-1"):
        trail = await records.trail(closure_id)
        assert trail is not None
        assert trail.fault is None
    events = await records.events("c-1")
    confirm = events[4]
    assert (confirm.actor, confirm.erased) == (ERASED, True)
    assert confirm.details == {"plan_hash": PLAN_HASH, "reason": ERASED}
    assert confirm.content == Confirmed(plan_hash=PLAN_HASH)
    assert events[2].actor is None  # nobody's act stays nobody's
    recorded = await records.get("c-1")
    assert recorded is not None
    assert recorded.opened_by is None
    assert recorded.state.outcome is Outcome.DELETED
    assert recorded.state.plan_hash == PLAN_HASH
    assert (await records.items("c-1"), await records.losses("c-1")) == ((), ())
    assert await records.plan("c-1", PLAN_HASH) is None


async def test_what_an_auditor_sees_is_enough_to_compute_the_hashes(
    closures: Closures, records: ClosureRecords, identity: IdentityRecords
) -> None:
    await closure_of_a_person(closures, identity)
    await end(closures)
    for event in await records.events("c-1"):
        stored = event.model_copy(update={"actor": event.hashed.actor, "details": event.hashed.details})
        assert hash_event(stored) == event.hash


@pytest.mark.parametrize("stage", [Stage.SILENT, Stage.DELETING])
async def test_nothing_is_erased_before_the_last_step(
    closures: Closures, records: ClosureRecords, identity: IdentityRecords, stage: Stage
) -> None:
    await closure_of_a_person(closures, identity)
    await closures.go_on_to(stage)
    assert (await records.events("c-1"))[4].actor == PERSON
    assert await records.plan("c-1", PLAN_HASH) is not None


async def test_another_accounts_data_stays(
    closures: Closures, records: ClosureRecords, identity: IdentityRecords, database: Database
) -> None:
    await closure_of_a_person(closures, identity)
    await closures.carry_to(Stage.READY, "c-2", "a-2")
    await closures.save(FOUND.plan, "c-2")
    act_id = await closures.act(closure_id="c-2", account_id="a-2", user_id=PERSON)
    await identity.record_proof("a-2", PERSON, IdentityMethod.PASSWORD, door=ActKind.CLOSE)
    await end(closures)
    assert (await records.events("c-2"))[0].actor == "u-1"
    assert await records.plan("c-2", PLAN_HASH) == FOUND.plan
    act = await records.act(act_id)
    assert act is not None
    assert act.user_id == PERSON
    assert [row["account_id"] for row in await rows(database, record_proofs)] == ["a-2"]


async def test_a_step_that_fails_erases_nothing(
    closures: Closures, records: ClosureRecords, identity: IdentityRecords, database: Database
) -> None:
    """The last event and the erasure are one transaction."""
    await closure_of_a_person(closures, identity)
    await closures.go_on_to(Stage.DELETING)
    await execute(database, text("ALTER TABLE record_proofs RENAME TO record_proofs_away"))
    with pytest.raises(DBAPIError):
        await end(closures)
    assert (await records.events("c-1"))[4].details["reason"] == REASON
    recorded = await records.get("c-1")
    assert recorded is not None
    assert recorded.state.stage is Stage.DELETING


async def test_what_is_written_after_the_deletion_is_under_a_key_that_is_kept_nowhere(
    closures: Closures,
    record: Record,
    records: ClosureRecords,
    identity: IdentityRecords,
    database: Database,
) -> None:
    await closure_of_a_person(closures, identity)
    await end(closures)
    words = CloseWords(provider="alibaba-cloud", policy="alibaba-cloud", acknowledgements=(REASON,))
    act_id = await closures.act(ActKind.CLOSE, words, closure_id="c-9", user_id=PERSON)
    with pytest.raises(Refused) as refused:
        await record.write(lambda each: take_act(each, act_id, ActKind.CLOSE, "run-9", "c-9"))
    assert refused.value.type is RefusalType.ACCOUNT_CLOSED
    await record.write(lambda each: refuse_act(each, act_id, refused.value))
    await closures.open(new_state("c-9"), opened_by=PERSON)
    await closures.go_on_to(Stage.CHECKING, "c-9")
    await closures.take(withdrawn, "c-9", actor=PERSON)
    for name, content in (await everything(database)).items():
        assert PERSON not in content, name
    trail = await records.trail("c-9")
    assert trail is not None
    assert trail.fault is None
    assert [event.actor for event in trail.events] == [ERASED, None, ERASED]


async def test_an_act_of_a_deleted_account_says_what_became_of_it_and_not_who_said_what(
    closures: Closures, records: ClosureRecords, identity: IdentityRecords
) -> None:
    words = CloseWords(provider="alibaba-cloud", policy="alibaba-cloud", acknowledgements=(REASON,))
    act_id = await closures.act(ActKind.CLOSE, words, closure_id="c-0", user_id=PERSON)
    await closure_of_a_person(closures, identity)
    asked = await records.close_of("c-0")
    assert asked is not None
    assert (asked[0].user_id, asked[1]) == (PERSON, words)
    await end(closures)
    act = await records.act(act_id)
    assert act is not None
    assert act.user_id == ERASED_USER
    assert await records.close_of("c-0") == (act, None)
    assert await records.last_close("a-1") == act


async def test_a_key_that_was_destroyed_by_somebody_else_is_found(
    closures: Closures, records: ClosureRecords, identity: IdentityRecords, database: Database
) -> None:
    await closure_of_a_person(closures, identity)
    await execute(database, update(record_account_keys).values(key=None, destroyed_at=OPENED_AT))
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is not None
    assert "key of the account's personal data is gone" in trail.fault.reason


async def test_a_key_that_was_exchanged_is_found(
    closures: Closures, records: ClosureRecords, identity: IdentityRecords, database: Database
) -> None:
    await closure_of_a_person(closures, identity)
    await execute(database, update(record_account_keys).values(key=AccountKey.new().hex()))
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is not None
    assert "unreadable" in trail.fault.reason
    with pytest.raises(ValueError, match="does not open"):
        await records.events("c-1")


async def test_a_key_put_back_after_the_deletion_is_found(
    closures: Closures, records: ClosureRecords, identity: IdentityRecords, database: Database
) -> None:
    await closure_of_a_person(closures, identity)
    (kept,) = await rows(database, record_account_keys)
    await end(closures)
    await execute(database, update(record_account_keys).values(key=kept["key"], destroyed_at=None))
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is not None
    assert "still there although the account was deleted" in trail.fault.reason


EVENT = AuditEvent(
    closure_id="c-1",
    sequence=1,
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


@pytest.mark.parametrize("change", [{"closure_id": "c-2"}, {"sequence": 2}, {"event": EventType.WITHDRAWN}])
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
    plain = EVENT.model_copy(update={"actor": None, "details": {"plan_hash": PLAN_HASH}})
    assert seal_personal(plain, AccountKey.new()) == plain
    assert open_personal(plain, None) == ReadEvent(
        **dict(plain), hashed=HashedPart(actor=None, details={"plan_hash": PLAN_HASH})
    )


def test_names_of_users_can_be_compared_within_an_account_only() -> None:
    key = AccountKey.new()
    assert key.name("u-1") == key.name("u-1") != key.name("u-2")
    assert key.name("u-1") != AccountKey.new().name("u-1")


def test_a_key_never_shows_in_what_is_printed_of_it() -> None:
    key = AccountKey.new()
    assert key.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


def test_a_state_keeps_nothing_that_is_not_known_to_be_public() -> None:
    full = replace(
        held_up(confirm(new_state(stage=Stage.READY)).state).state,
        outcome_reason=REASON,
        checks=(DOMAIN,),
        approved_by=(Approver(act_id="0" * 32, person=AccountKey.new().name(PERSON)),),
    )
    left = without_personal_data(full)
    assert PERSON not in STATE.dump_json(left).decode()
    assert full.approved_by[0].person not in STATE.dump_json(left).decode()
    assert (left.stage, left.confirmed_at, left.plan_hash) == (full.stage, LATER, PLAN_HASH)
