# ruff: noqa: E501 - the list names tests in full
"""Attacks, and which test shows that each fails. `test_every_attack_has_its_test` reads this list.

OWASP ASVS 5:

- 6.5 codes are single use: tests/records/test_record_identity.py::test_a_code_is_good_once
- 6.5 codes have 20 bits or more: tests/records/test_record_identity.py::test_codes_are_random_digits
- 6.5 codes live 10 minutes at most: tests/records/test_record_identity.py::test_a_code_is_good_for_ten_minutes
- 6.5 codes are stored salted and slow-hashed: tests/records/test_record_identity.py::test_a_hash_is_slow
- 6.5 codes are not stored: tests/records/test_record_identity.py::test_the_database_holds_no_code
- 6.6 codes are bound to the request: tests/records/test_record_identity.py::test_a_code_is_bound_to_its_account_and_user
- 6.6 limited per challenge: tests/records/test_record_identity.py::test_five_guesses_per_code
- 6.6 limited per account: tests/records/test_record_identity.py::test_an_account_has_a_hundred_wrong_guesses_over_all_users
- 7.4.2 all sessions end: tests/security/test_attacks.py::test_an_intruders_session_ends_with_the_confirm
- 7.5.3 step-up before the destructive step: tests/workflows/test_confirmation.py::test_a12_after_half_an_hour_confirming_needs_a_fresh_proof
- 2.3.1 no skipped steps, confirm before the survey: tests/workflows/test_confirmation.py::test_confirming_before_the_first_survey_is_refused
- 2.3.1 no skipped steps, acts after the confirm: tests/workflows/test_irrevocable.py::test_a20_every_customer_act_is_refused_and_nothing_changes
- 2.3.1 no skipped steps, in the record: tests/security/test_attacks.py::test_the_record_takes_no_step_that_the_lifecycle_does_not_have
- 8.2 authorization for each object: tests/security/test_attacks.py::test_the_owner_of_one_account_cannot_act_on_anothers
- 16.4.2 the audit is protected from change: tests/records/test_record_differences.py::test_no_other_spelling_of_a_change_gets_past_either
- 16.4.2 and a change shows: tests/security/test_attacks_by_command.py::test_a_chain_that_was_rewritten_as_a_whole_is_told_by_its_anchors

Others:

- someone else's account: tests/security/test_attacks_by_command.py::test_another_accounts_closure_is_not_shown
- another closure's proof: tests/security/test_attacks.py::test_a_proof_of_an_earlier_closure_does_not_authorise_the_next
- a replayed proof: tests/workflows/test_opening.py::test_a12_a_proof_opens_one_closure_only
- a hundred guesses at once: tests/records/test_record_identity.py::test_a_hundred_guesses_at_once_are_five_guesses
- a hundred guesses at once on many codes: tests/records/test_record_identity.py::test_a_hundred_guesses_at_once_over_many_codes_are_twenty
- confused ids: tests/security/test_attacks_by_command.py::test_an_id_of_one_kind_is_none_of_another
- hostile characters in the terminal: tests/security/test_attacks_by_command.py::test_hostile_ids_and_reasons_reach_no_terminal
- hostile characters in messages: tests/unit/test_notices.py::test_what_comes_from_outside_cannot_reorder_or_steer_a_message
- hostile characters and markup in the Web UI: tests/unit/test_presentation.py::test_text_from_outside_is_no_markup
- markup in the terminal: tests/unit/test_rendering.py::test_what_comes_from_outside_can_neither_style_nor_break_the_text
- path tricks in policy names: tests/security/test_attacks_by_command.py::test_a_policy_is_a_name_never_a_path
- path tricks in a raw start: tests/security/test_attacks.py::test_a_raw_start_cannot_name_a_policy_by_its_path
- path tricks in file names: tests/security/test_attacks_by_command.py::test_a_file_that_is_none_loads_nothing
- YAML bombs: tests/security/test_attacks_by_command.py::test_a_small_file_cannot_blow_up
- giant files: tests/security/test_attacks_by_command.py::test_a_giant_file_is_refused_at_once
- raw updates without proof: tests/security/test_attacks.py::test_without_a_proof_a_raw_update_changes_nothing
- raw updates with someone else's id: tests/security/test_attacks.py::test_somebody_elses_id_in_a_raw_update_changes_nothing
- malformed raw updates: tests/security/test_attacks.py::test_a_malformed_update_is_refused_and_sticks_nothing
- a role lost since the start: tests/security/test_attacks.py::test_a_role_lost_since_the_start_counts_at_the_next_act
- a replayed update: tests/workflows/test_confirmation.py::test_the_same_confirm_delivered_twice_is_answered_alike
- a replayed update under another id: tests/security/test_attacks.py::test_a_request_replayed_under_another_id_counts_once
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import update
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from closure.errors import RefusalType, Refused
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from database.engine import transaction
from records.entries import Entry, EventType
from records.tables import record_proofs
from tests.workflows.house import Closing, House, refusal

PROJECT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r": (tests/\S+\.py)::(test_\w+)$", re.MULTILINE)


def test_every_attack_has_its_test() -> None:
    listed = [line for line in (__doc__ or "").splitlines() if line.startswith("- ")]
    named = NAMED.findall(__doc__ or "")
    assert len(named) == len(listed) > 30
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not re.search(rf"^(async )?def {name}\(", (PROJECT / file).read_text(), re.MULTILINE)
    ]
    assert missing == []


async def blocked_of_two_owners(house: House) -> Closing:
    """Opened by `u-1`; `u-9` might act on it as well, and has proved nothing."""
    users = [
        {"id": "u-1", "role": "main", "email": "one@example.com"},
        {"id": "u-9", "role": "main", "email": "nine@example.com"},
        {"id": "u-2", "role": "ram", "email": "two@example.com"},
    ]
    closing = await house.account(users=users, balance={"cash": "5.00"})
    assert (await closing.close()).stage is Stage.BLOCKED
    return closing


async def raw(closing: Closing, name: str, **request: object) -> object:
    """An update as anybody sends it who can reach the Temporal server."""
    return await closing.handle.execute_update(
        name, request, id=uuid4().hex, rpc_timeout=timedelta(seconds=20)
    )


REQUESTS: Mapping[str, Mapping[str, object]] = {
    "renounce": {"all": True, "accept_risk": True},
    "withdraw": {},
}


async def require_harmless(closing: Closing, name: str, **request: object) -> None:
    """The update is refused by a rule and changes nothing; reading and rechecking go on."""
    before, events = await closing.status(), await closing.events()
    error = await refusal(raw(closing, name, **request))
    assert error.type in {RefusalType.ROLE_REFUSED, RefusalType.IDENTITY_PROOF_REQUIRED}
    assert await closing.status() == before
    assert await closing.events() == events
    assert (await closing.recheck()).survey_number == before.survey_number + 1
    assert await closing.failed_tasks() == []


@pytest.mark.parametrize("name", REQUESTS)
async def test_without_a_proof_a_raw_update_changes_nothing(house: House, name: str) -> None:
    closing = await blocked_of_two_owners(house)
    for proof in (None, "", "invented", "f" * 32, "x" * 5000, "\0", "' OR 1=1 --"):
        await require_harmless(closing, name, **REQUESTS[name], actor="u-9", proof_id=proof)


@pytest.mark.parametrize("name", REQUESTS)
async def test_somebody_elses_id_in_a_raw_update_changes_nothing(house: House, name: str) -> None:
    closing = await blocked_of_two_owners(house)
    proof_id = await closing.prove("u-9")
    for actor in ("u-2", "stranger", "", "U-1", "u-1 ", "u-1\0", "%", "x" * 5000):
        await require_harmless(closing, name, **REQUESTS[name], actor=actor, proof_id=proof_id)


async def test_a_raw_confirm_needs_the_proof_too(house: House) -> None:
    closing = await blocked_of_two_owners(house)
    await closing.renounce(all=True)
    for actor, proof in (("u-9", None), ("u-2", await closing.prove("u-2")), ("u-9", await closing.prove())):
        before = await closing.events()
        error = await refusal(raw(closing, "confirm", actor=actor, reason="mine now", proof_id=proof))
        assert error.type in {RefusalType.ROLE_REFUSED, RefusalType.IDENTITY_PROOF_REQUIRED}
        assert (await closing.status()).stage is Stage.READY
        assert await closing.events() == before


@pytest.mark.parametrize("name", ["renounce", "withdraw", "confirm", "close"])
async def test_a_malformed_update_is_refused_and_sticks_nothing(house: House, name: str) -> None:
    closing = await blocked_of_two_owners(house)
    requests: list[Mapping[str, object]] = [
        {},
        *({"actor": actor} for actor in (None, ["u-1"], {"id": "u-1"})),
    ]
    for request in requests:
        before = await closing.events()
        with pytest.raises(WorkflowUpdateFailedError):
            await raw(closing, name, **request)
        assert await closing.events() == before
        assert (await closing.recheck()).stage is Stage.BLOCKED
    assert await closing.failed_tasks() == []


async def test_the_owner_of_one_account_cannot_act_on_anothers(house: House) -> None:
    """8.2: neither with their own proof nor with their closure's, nor under the other's user id."""
    users = [{"id": "u-mallory", "role": "main", "email": "mallory@example.com"}]
    mine, theirs = await house.account(users=users), await house.account(balance={"cash": "5.00"})
    await mine.close("u-mallory")
    await theirs.close()
    for actor in ("u-mallory", "u-1"):
        for proof_id in (await mine.prove("u-mallory"), await mine.prove("u-1")):
            await_events = await theirs.events()
            if actor == "u-1":
                await _age_proofs(house, theirs.account_id)
            error = await refusal(raw(theirs, "withdraw", actor=actor, proof_id=proof_id))
            assert error.type in {RefusalType.ROLE_REFUSED, RefusalType.IDENTITY_PROOF_REQUIRED}
            assert await theirs.events() == await_events
    assert (await theirs.status()).stage is Stage.BLOCKED


async def test_a_proof_of_an_earlier_closure_does_not_authorise_the_next(house: House) -> None:
    closing = await blocked_of_two_owners(house)
    used = await closing.prove("u-9")
    await raw(closing, "withdraw", actor="u-9", proof_id=used)
    await closing.outcome()
    await closing.start_again()
    await require_harmless(closing, "withdraw", actor="u-9", proof_id=used)
    await require_harmless(closing, "withdraw", actor="u-9")


async def test_a_role_lost_since_the_start_counts_at_the_next_act(house: House) -> None:
    """The directory as it is now, not as it was; a valid proof does not help."""
    closing = await blocked_of_two_owners(house)
    await _give_role(house, closing, "u-1", "ram")
    for name, request in REQUESTS.items():
        error = await refusal(raw(closing, name, **request, actor="u-1", proof_id=await closing.prove()))
        assert error.type == RefusalType.ROLE_REFUSED
    await _give_role(house, closing, "u-1", "main")
    await closing.renounce(all=True)
    await _give_role(house, closing, "u-1", "ram")
    assert (await refusal(closing.confirm())).type == RefusalType.ROLE_REFUSED
    assert (await closing.status()).stage is Stage.READY


async def test_a_request_replayed_under_another_id_counts_once(house: House) -> None:
    """What an eavesdropper can do with a confirm that was heard: nothing that has not happened."""
    closing = await blocked_of_two_owners(house)
    await closing.renounce(all=True)
    await closing.confirm(proof_id=(proof := await closing.prove()))
    events = await closing.events()
    for number in range(3):
        error = await refusal(closing.confirm(proof_id=proof, update_id=f"replayed-{number}"))
        assert error.type == RefusalType.IRREVOCABLE
    assert [event.event for event in await closing.events()].count(EventType.CONFIRMED) == 1
    assert (await closing.events())[: len(events)] == events


async def test_an_intruders_session_ends_with_the_confirm(house: House) -> None:
    """7.4.2: every session, whoever's, and every key."""
    sessions = [{"id": "s-1"}, {"id": "s-2", "user_id": "u-2"}, {"id": "s-3", "user_id": None}]
    closing = await house.account(sessions=sessions, api_keys=[{"id": "k-1"}, {"id": "k-2"}])
    await closing.silent()
    assert await closing.rows(tables.sessions) == []
    assert {row["enabled"] for row in await closing.rows(tables.api_keys)} == {False}


@pytest.mark.parametrize(
    "policy", ["../policies/twilio", "/etc/passwd", "alibaba-cloud.toml", "./alibaba-cloud"]
)
async def test_a_raw_start_cannot_name_a_policy_by_its_path(house: House, policy: str) -> None:
    closing = await house.account()
    error = await refusal(closing.close(policy=policy))
    assert error.type == RefusalType.POLICY_NOT_FOUND
    assert await house.records.get(closing.closure_id) is None


@pytest.mark.parametrize("name", ["policy", "account_id", "closure_id", "provider"])
@pytest.mark.parametrize("text", ["", "a\0b", "a\x1b[2Jb", "a\nb", "x" * 201, None, 7])
async def test_a_raw_start_with_a_hostile_id_ends_malformed(house: House, name: str, text: object) -> None:
    closing = await house.account()
    content = {
        "closure_id": closing.closure_id,
        "account_id": closing.account_id,
        "provider": closing.provider,
        "policy": closing.provider,
        name: text,
    }
    handle = await house.client.start_workflow(
        "AccountClosure", content, id=f"closure/attack/{uuid4().hex}", task_queue=house.task_queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == RefusalType.MALFORMED_INPUT
    assert not str(text) or "\x1b" not in failed.value.cause.message


async def test_the_record_takes_no_step_that_the_lifecycle_does_not_have(house: House) -> None:
    """2.3.1: a worker that was tampered with can't delete what nobody confirmed, nor shorten the silence."""
    closing = await blocked_of_two_owners(house)
    for stage, event in (
        (Stage.ENTERING, EventType.CONFIRMED),
        (Stage.SILENT, EventType.SILENCE_BEGAN),
        (Stage.DELETING, EventType.DELETION_BEGAN),
        (Stage.DELETED, EventType.DELETED),
    ):
        now = await closing.now()
        entry = Entry(
            closure_id=closing.closure_id,
            key=f"attack/{stage.value}",
            event=event,
            time=now,
            stage_from=Stage.BLOCKED,
            stage_to=stage,
        )
        with pytest.raises(Refused) as refused:
            await house.records.write(entry)
        assert refused.value.type is RefusalType.STAGE_CONFLICT
    recorded = await house.records.get(closing.closure_id)
    assert recorded is not None
    assert recorded.document.stage is Stage.BLOCKED


async def test_a_refused_attack_leaves_the_next_closure_its_owner(house: House) -> None:
    """An attempt by the wrong person is recorded with who it was, and blocks nobody."""
    closing = await house.account()
    await refusal(closing.close("u-2"))
    assert (await closing.outcome()).outcome is Outcome.REFUSED
    assert {event.actor for event in await closing.events()} == {"u-2"}
    assert (await closing.start_again()).stage is Stage.READY


async def _age_proofs(house: House, account_id: str) -> None:
    async with transaction(house.engine) as connection:
        rows = (await connection.execute(record_proofs.select())).mappings().all()
        for row in rows:
            if row["account_id"] == account_id:
                await connection.execute(
                    update(record_proofs)
                    .where(record_proofs.c.proof_id == row["proof_id"])
                    .values(created_at=row["created_at"] - timedelta(hours=1))
                )


async def _give_role(house: House, closing: Closing, user: str, role: str) -> None:
    async with transaction(house.engine) as connection:
        await connection.execute(
            update(tables.users)
            .where(tables.users.c.account_id == closing.account_id, tables.users.c.id == user)
            .values(role=role)
        )
