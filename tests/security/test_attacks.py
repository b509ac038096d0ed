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
- 6.6 guessing is slowed: tests/records/test_guessing.py::test_pauses_grow_with_every_wrong_guess_and_are_told
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
- a hundred guesses at once on many codes: tests/records/test_record_identity.py::test_of_a_hundred_guesses_at_once_each_code_meets_five
- confused ids: tests/security/test_attacks_by_command.py::test_an_id_of_one_kind_is_none_of_another
- hostile characters in the terminal: tests/security/test_attacks_by_command.py::test_hostile_ids_and_reasons_reach_no_terminal
- hostile characters in messages: tests/unit/test_notices.py::test_what_comes_from_outside_cannot_reorder_or_steer_a_message
- hostile characters and markup in the Web UI: tests/unit/test_presentation.py::test_text_from_outside_is_no_markup
- markup in the terminal: tests/unit/test_rendering.py::test_what_comes_from_outside_can_neither_style_nor_break_the_text
- path tricks in policy names: tests/security/test_attacks_by_command.py::test_a_policy_is_a_name_never_a_path
- path tricks in a policy's name: tests/security/test_attacks.py::test_a_close_cannot_name_a_policy_by_its_path
- path tricks in file names: tests/security/test_attacks_by_command.py::test_a_file_that_is_none_loads_nothing
- YAML bombs: tests/security/test_attacks_by_command.py::test_a_small_file_cannot_blow_up
- giant files: tests/security/test_attacks_by_command.py::test_a_giant_file_is_refused_at_once
- acts without proof: tests/security/test_attacks.py::test_without_a_proof_an_act_changes_nothing
- acts with someone else's id: tests/security/test_attacks.py::test_somebody_elses_id_in_an_act_changes_nothing
- malformed raw updates: tests/security/test_attacks.py::test_a_malformed_update_is_refused_and_sticks_nothing
- a role lost since the start: tests/security/test_attacks.py::test_a_role_lost_since_the_start_counts_at_the_next_act
- a replayed update: tests/workflows/test_confirmation.py::test_the_same_confirm_delivered_twice_is_answered_alike
- a replayed update under another id: tests/security/test_attacks.py::test_an_act_replayed_under_another_id_counts_once

Whoever reaches Temporal with a plain client:

- a workflow type that deletes: tests/security/test_starts.py::test_a_workflow_that_deletes_by_its_argument_does_not_exist
- a start with a stranger's account: tests/security/test_starts.py::test_a_start_with_a_strangers_account_erases_nothing
- invented starts: tests/security/test_starts.py::test_an_invented_start_changes_neither_platform_nor_record
- terminate and start again: tests/security/test_starts.py::test_ended_and_started_again_the_silent_period_is_as_long
- an occupied workflow id: tests/security/test_starts.py::test_a_foreign_workflow_under_the_victims_id_does_not_keep_them_from_closing
- an occupied workflow id, as a child: tests/security/test_starts.py::test_a_foreign_child_under_the_victims_id_does_not_keep_them_from_closing
- another installation's start: tests/security/test_starts.py::test_another_installations_start_is_refused
- unknown, foreign and used acts: tests/security/test_acts_of_strangers.py::test_a_confirm_with_an_act_that_is_unknown_foreign_or_used_is_refused
- an act carried out twice: tests/security/test_acts_of_strangers.py::test_an_act_that_was_carried_out_is_not_carried_out_again
- somebody's act used up elsewhere: tests/security/test_acts_of_strangers.py::test_nobody_can_use_up_an_act_that_waits
- a confirm that nobody answered: tests/security/test_acts_of_strangers.py::test_a_confirm_that_nobody_answered_has_no_effect_when_a_worker_comes_back
- floods: tests/security/test_acts_of_strangers.py::test_thousands_of_refused_updates_and_signals_lock_nobody_out
- copied ciphertexts: tests/workflows/test_copied_payloads.py::test_an_update_with_another_workflows_argument_is_refused
- invented commands: tests/security/test_foreign_workers.py::test_a_foreign_worker_that_invents_commands_moves_nothing_and_loses_nothing
- spoilt histories: tests/security/test_foreign_workers.py::test_a_run_whose_history_was_spoilt_is_seen_and_the_owner_goes_on_without_it
- invented results in histories: tests/security/test_foreign_workers.py::test_the_real_worker_goes_on_from_the_record_after_an_invented_result
- completed activities: tests/security/test_foreign_workers.py::test_a_running_activity_that_a_stranger_completes_decides_nothing
- activities of other workflows: tests/security/test_foreign_workers.py::test_an_activity_that_another_workflow_calls_refuses
- standalone activities: tests/security/test_foreign_workers.py::test_a_standalone_activity_refuses
- markup in ids: tests/security/test_canary.py::test_markup_and_reordering_in_ids_do_not_reach_the_web_ui
- all of it at random: tests/security/test_plain_client_fuzz.py::test_a_plain_client_moves_nothing
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import update
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from client import ProofOfIdentity
from closure.acts import ActKind, ConfirmWords
from closure.errors import RefusalType, Refused
from closure.events import EventType
from closure.findings import Change
from closure.lifecycle import Stage
from closure.messages import StatusDocument
from closure.steps import STAGE_OF, Step
from closure.transitions import deleted, deletion_began, fell_asleep, silence_began
from connectors.embedded import tables
from records.closures import lock_closure
from records.steps import open_step
from records.tables import record_acts, record_proofs
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.installation import TestInstallation
from tests.harness.past_the_client import close_words, open_by, send, written

PROJECT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r": (tests/\S+\.py)::(test_\w+)$", re.MULTILINE)


def test_every_attack_has_its_test() -> None:
    listed = [line for line in (__doc__ or "").splitlines() if line.startswith("- ")]
    named = NAMED.findall(__doc__ or "")
    assert len(named) == len(listed) > 50
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not re.search(rf"^(async )?def {name}\(", (PROJECT / file).read_text(), re.MULTILINE)
    ]
    assert missing == []


async def blocked_of_two_owners(installation: TestInstallation) -> AccountDriver:
    """Opened by `u-1`; `u-9` might act on it as well, and has proved nothing."""
    users = [
        {"id": "u-1", "role": "main", "email": "one@example.com"},
        {"id": "u-9", "role": "main", "email": "nine@example.com"},
        {"id": "u-2", "role": "ram", "email": "two@example.com"},
    ]
    closing = await installation.account(users=users, balance={"cash": "5.00"})
    assert (await closing.close()).stage is Stage.BLOCKED
    return closing


async def renounce(closing: AccountDriver, actor: str, proof_id: str | None) -> StatusDocument:
    proof = ProofOfIdentity(proof_id=proof_id)
    return await closing.closures.renounce(closing.account_id, actor, all=True, accept_risk=True, proof=proof)


async def withdraw(closing: AccountDriver, actor: str, proof_id: str | None) -> StatusDocument:
    return await closing.withdraw(actor, proof_id=proof_id)


Acting = Callable[[AccountDriver, str, str | None], Awaitable[StatusDocument]]
ACTS: Mapping[str, Acting] = {"renounce": renounce, "withdraw": withdraw}
NOT_ALLOWED = (RefusalType.ROLE_REFUSED, RefusalType.IDENTITY_PROOF_REQUIRED, RefusalType.MALFORMED_INPUT)


async def require_harmless(closing: AccountDriver, act: Acting, actor: str, proof_id: str | None) -> None:
    """The act is refused by a rule and changes nothing; reading and rechecking go on."""
    before, events = await closing.status(), await closing.events()
    try:
        error = await refusal(act(closing, actor, proof_id))
    except ValueError:
        assert not re.fullmatch(r"[^\x00-\x1f\x7f]{1,200}", actor)  # no id at all
    else:
        assert error.type in NOT_ALLOWED
    assert await closing.events() == events
    after = await closing.recheck()
    assert (after.stage, after.survey_number) == (before.stage, before.survey_number + 1)
    assert await closing.failed_tasks() == []


@pytest.mark.parametrize("name", ACTS)
async def test_without_a_proof_an_act_changes_nothing(installation: TestInstallation, name: str) -> None:
    closing = await blocked_of_two_owners(installation)
    for proof in (None, "", "invented", "f" * 32, "' OR 1=1 --"):
        await require_harmless(closing, ACTS[name], "u-9", proof)


@pytest.mark.parametrize("name", ACTS)
async def test_somebody_elses_id_in_an_act_changes_nothing(installation: TestInstallation, name: str) -> None:
    closing = await blocked_of_two_owners(installation)
    proof_id = await closing.prove("u-9")
    for actor in ("u-2", "stranger", "", "U-1", "u-1 ", "u-1\0", "%", "x" * 5000):
        await require_harmless(closing, ACTS[name], actor, proof_id)


async def test_a_confirm_needs_the_proof_too(installation: TestInstallation) -> None:
    closing = await blocked_of_two_owners(installation)
    await closing.renounce(all=True)
    for actor, proof in (("u-9", None), ("u-2", await closing.prove("u-2")), ("u-9", await closing.prove())):
        before = await closing.events()
        error = await refusal(closing.confirm("mine now", actor=actor, proof_id=proof))
        assert error.type in NOT_ALLOWED
        assert (await closing.status()).stage is Stage.READY
        assert await closing.events() == before


@pytest.mark.parametrize("name", [each.value for each in ActKind])
async def test_a_malformed_update_is_refused_and_sticks_nothing(
    installation: TestInstallation, name: str
) -> None:
    closing = await blocked_of_two_owners(installation)
    actors: list[object] = [None, ["u-1"], {"id": "u-1"}]
    requests: list[object] = [{}, *({"actor": actor} for actor in actors), *({"act_id": a} for a in actors)]
    for request in requests:
        before = await closing.events()
        with pytest.raises(WorkflowUpdateFailedError):
            await closing.handle.execute_update(name, request, rpc_timeout=timedelta(seconds=20))
        assert await closing.events() == before
        assert (await closing.recheck()).stage is Stage.BLOCKED
    assert await closing.failed_tasks() == []


async def test_the_owner_of_one_account_cannot_act_on_anothers(installation: TestInstallation) -> None:
    """8.2: neither with their own proof nor with their closure's, nor under the other's user id."""
    users = [{"id": "u-mallory", "role": "main", "email": "mallory@example.com"}]
    mine = await installation.account(users=users)
    theirs = await installation.account(balance={"cash": "5.00"})
    await mine.close("u-mallory")
    await theirs.close()
    await _age_proofs(installation, theirs.account_id)
    for actor in ("u-mallory", "u-1"):
        for proof_id in (await mine.prove("u-mallory"), await mine.prove("u-1")):
            before = await theirs.events()
            error = await refusal(theirs.withdraw(actor, proof_id=proof_id))
            assert error.type in NOT_ALLOWED
            assert await theirs.events() == before
    assert (await theirs.status()).stage is Stage.BLOCKED


async def test_an_act_on_one_closure_is_none_on_another(installation: TestInstallation) -> None:
    """8.2: the act that its owner gave for one account, delivered to another's workflow."""
    mine, theirs = await blocked_of_two_owners(installation), await blocked_of_two_owners(installation)
    await mine.renounce(all=True)
    await theirs.renounce(all=True)
    act_id = await written(mine, ActKind.CONFIRM, ConfirmWords(reason="mine"))
    assert (await refusal(send(theirs, ActKind.CONFIRM, act_id))).type is RefusalType.ACT_NOT_FOUND
    assert (await theirs.status()).stage is Stage.READY


async def test_a_proof_of_an_earlier_closure_does_not_authorise_the_next(
    installation: TestInstallation,
) -> None:
    closing = await blocked_of_two_owners(installation)
    used = await closing.prove("u-9")
    await closing.withdraw("u-9", proof_id=used)
    await closing.outcome()
    await closing.close()
    await require_harmless(closing, withdraw, "u-9", used)
    await require_harmless(closing, withdraw, "u-9", None)


async def test_a_role_lost_since_the_start_counts_at_the_next_act(installation: TestInstallation) -> None:
    """The directory as it is now, not as it was; a valid proof does not help."""
    closing = await blocked_of_two_owners(installation)
    await _give_role(installation, closing, "u-1", "ram")
    for act in ACTS.values():
        error = await refusal(act(closing, "u-1", await closing.prove()))
        assert error.type is RefusalType.ROLE_REFUSED
    await _give_role(installation, closing, "u-1", "main")
    await closing.renounce(all=True)
    await _give_role(installation, closing, "u-1", "ram")
    assert (await refusal(closing.confirm())).type is RefusalType.ROLE_REFUSED
    assert (await closing.status()).stage is Stage.READY


async def test_an_act_replayed_under_another_id_counts_once(installation: TestInstallation) -> None:
    """What an eavesdropper can do with a confirm that was heard: nothing that has not happened."""
    closing = await blocked_of_two_owners(installation)
    await closing.renounce(all=True)
    await closing.confirm(proof_id=(proof := await closing.prove()))
    await closing.until_event(EventType.ACCESS_STOPPED)
    act_id = await _act_of(installation, closing, ActKind.CONFIRM)
    events = await closing.events()
    for number in range(3):
        view = await send(closing, ActKind.CONFIRM, act_id, update_id=f"replayed-{number}")
        assert view.stage is Stage.ENTERING
        assert (await refusal(closing.confirm(proof_id=proof))).type is RefusalType.IRREVOCABLE
    assert [event.event for event in await closing.events()].count(EventType.CONFIRMED) == 1
    assert (await closing.events())[: len(events)] == events


async def test_an_intruders_session_ends_with_the_confirm(installation: TestInstallation) -> None:
    """7.4.2: every session, whoever's, and every key."""
    sessions = [{"id": "s-1"}, {"id": "s-2", "user_id": "u-2"}, {"id": "s-3", "user_id": None}]
    closing = await installation.account(sessions=sessions, api_keys=[{"id": "k-1"}, {"id": "k-2"}])
    await closing.silent()
    assert await closing.rows(tables.sessions) == []
    assert {row["enabled"] for row in await closing.rows(tables.api_keys)} == {False}


@pytest.mark.parametrize(
    "policy", ["../policies/twilio", "/etc/passwd", "alibaba-cloud.toml", "./alibaba-cloud"]
)
async def test_a_close_cannot_name_a_policy_by_its_path(installation: TestInstallation, policy: str) -> None:
    """Neither through the client nor in an act that some other program has written."""
    closing = await installation.account()
    assert (await refusal(closing.close(policy=policy))).type is RefusalType.POLICY_NOT_FOUND
    closing.closure_id = f"closure-{uuid4().hex}"
    words = close_words(closing).model_copy(update={"policy": policy})
    act_id = await written(closing, ActKind.CLOSE, words, proof_id=await closing.prove())
    assert (await refusal(open_by(closing, act_id))).type is RefusalType.POLICY_NOT_FOUND
    assert await installation.records.get(closing.closure_id) is None


@pytest.mark.parametrize("name", ["installation", "closure_id"])
@pytest.mark.parametrize("text", ["", "a\0b", "a\x1b[2Jb", "a\nb", "x" * 201, None, 7])
async def test_a_raw_start_with_a_hostile_id_ends_malformed(
    installation: TestInstallation, name: str, text: object
) -> None:
    closing = await installation.account()
    content = {
        "installation": installation.record.installation.installation_id,
        "closure_id": closing.closure_id,
        name: text,
    }
    handle = await installation.client.start_workflow(
        "AccountClosure", content, id=f"closure/attack/{uuid4().hex}", task_queue=installation.queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == RefusalType.MALFORMED_INPUT
    assert not str(text) or "\x1b" not in failed.value.cause.message


async def test_the_record_takes_no_step_that_the_lifecycle_does_not_have(
    installation: TestInstallation,
) -> None:
    """2.3.1: a worker that was tampered with can't delete what nobody confirmed, nor shorten the silence."""
    closing = await blocked_of_two_owners(installation)
    now = await closing.now()

    def steps(change: Callable[[], object]) -> RefusalType:
        with pytest.raises(Refused) as refused:
            change()
        return refused.value.type

    recorded = await installation.records.get(closing.closure_id)
    assert recorded is not None
    state, policy = recorded.state, closing.policy
    changes: list[Callable[[], Change]] = [
        lambda: silence_began(state, policy, now=now),
        lambda: deletion_began(state),
        lambda: deleted(state),
        lambda: deleted(replace(state, stage=Stage.SILENT)),
        lambda: fell_asleep(state),
    ]
    assert {steps(change) for change in changes} == {RefusalType.STAGE_CONFLICT}
    for step in STAGE_OF:
        attempt = installation.record.write(
            lambda each, step=step: open_step(  # type: ignore[misc]
                each, lock_closure(each, closing.closure_id), step, "run", now=now
            )
        )
        assert (await refusal(attempt)).type is RefusalType.STAGE_CONFLICT, step
    assert set(STAGE_OF) == set(Step)
    assert (await closing.status()).stage is Stage.BLOCKED


async def test_a_refused_attack_leaves_the_next_closure_its_owner(installation: TestInstallation) -> None:
    """An attempt by the wrong person stays with its act, and blocks nobody."""
    closing = await installation.account()
    await refusal(closing.close("u-2"))
    asked = await installation.records.last_close(closing.account_id)
    assert asked is not None
    assert asked.user_id == "u-2"
    assert (await closing.status()).stage is Stage.REFUSED
    assert (await closing.close()).stage is Stage.READY


async def _act_of(installation: TestInstallation, closing: AccountDriver, kind: ActKind) -> str:
    acts = record_acts.select().where(
        record_acts.c.closure_id == closing.closure_id, record_acts.c.kind == kind.value
    )
    (row,) = await installation.database.read(lambda each: each.execute(acts).mappings().all())
    return str(row["act_id"])


async def _age_proofs(installation: TestInstallation, account_id: str) -> None:
    proofs = record_proofs.select().where(record_proofs.c.account_id == account_id)
    rows = await installation.database.read(lambda each: each.execute(proofs).mappings().all())
    for row in rows:
        older = (
            update(record_proofs)
            .where(record_proofs.c.proof_id == row["proof_id"])
            .values(created_at=row["created_at"] - timedelta(hours=1))
        )
        await installation.database.write(lambda each, older=older: each.execute(older))  # type: ignore[misc]


async def _give_role(installation: TestInstallation, closing: AccountDriver, user: str, role: str) -> None:
    given = (
        update(tables.users)
        .where(tables.users.c.account_id == closing.account_id, tables.users.c.id == user)
        .values(role=role)
    )
    await installation.database.write(lambda each: each.execute(given))
