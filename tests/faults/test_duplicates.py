"""Whatever is delivered twice, too often, too late or in another order happens once, or is refused."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowUpdateWithStartInput,
    WorkflowUpdateHandle,
)
from temporalio.service import RPCError, RPCStatusCode

from closure.acts import ActKind, ActStatus, ConfirmWords, RenounceWords
from closure.errors import RefusalType, Refused
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.messages import StatusDocument
from closure.state import ClosureView
from database.database import database_time
from records.tables import record_acts
from tests.faults.scenes import SCENES
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.installation import TestInstallation
from tests.harness.past_the_client import act_status, close_words, open_by, send, written

FLOOD = 200
BY_THE_SERVER = {
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
}
"""Why the server itself gives a task out again: more than a hundred signals came while it ran."""
ALL = RenounceWords(all=True, accept_risk=True)
REASON = ConfirmWords(reason="no longer needed")


async def without_duplicates(closing: AccountDriver) -> list[EventType]:
    trail = await closing.installation.records.trail(closing.closure_id)
    assert trail is not None
    assert trail.fault is None
    history = await closing.history()
    causes = {
        event.workflow_task_failed_event_attributes.cause
        for event in history.events
        if event.HasField("workflow_task_failed_event_attributes")
    }
    assert causes <= BY_THE_SERVER
    return [event.event for event in trail.events]


async def answers_of(*acts: Awaitable[object]) -> tuple[list[StatusDocument | ClosureView], list[Refused]]:
    """What acts at the same time come to: answers and refusals, nothing else."""
    answers = await asyncio.gather(*acts, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    given = [answer for answer in answers if isinstance(answer, StatusDocument | ClosureView)]
    assert len(given) + len(refused) == len(answers), answers
    return given, refused


async def test_three_closes_at_once_open_one_closure(installation: TestInstallation) -> None:
    closing = await installation.account()
    proof_id = await closing.prove()
    documents, refused = await answers_of(*(closing.close(proof_id=proof_id) for _ in range(3)))
    assert len(documents) == 1
    assert {each.type for each in refused} <= {RefusalType.CLOSURE_ALREADY_OPEN}, refused
    opened = await installation.records.open_closure(closing.account_id)
    assert opened is not None
    closing.closure_id = opened.closure_id
    assert (await without_duplicates(closing)).count(EventType.OPENED) == 1


async def test_five_confirms_at_once_confirm_once(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    documents, refused = await answers_of(*(closing.confirm() for _ in range(5)))
    assert (len(documents), len(refused)) == (1, 4)
    assert (await without_duplicates(closing)).count(EventType.CONFIRMED) == 1


@pytest.mark.parametrize("same_id", [True, False], ids=["same update id", "ids of their own"])
async def test_five_updates_with_one_act_carry_it_out_once(
    installation: TestInstallation, same_id: bool
) -> None:
    closing = await installation.account()
    await closing.ready()
    act_id = await written(closing, ActKind.CONFIRM, REASON)
    ids = [None if same_id else f"confirm-{number}" for number in range(5)]
    views, refused = await answers_of(
        *(send(closing, ActKind.CONFIRM, act_id, update_id=each) for each in ids)
    )
    assert (len(views), refused) == (5, [])
    assert await act_status(closing, act_id) is ActStatus.DONE
    assert (await without_duplicates(closing)).count(EventType.CONFIRMED) == 1


async def test_a_renounce_and_its_echo_after_the_confirm(installation: TestInstallation) -> None:
    closing = await SCENES["deleted"].open(installation)
    await closing.close()
    act_id = await written(closing, ActKind.RENOUNCE, ALL)
    await send(closing, ActKind.RENOUNCE, act_id)
    await closing.confirm()
    echo = await send(closing, ActKind.RENOUNCE, act_id, update_id="echo")
    assert echo.stage is Stage.ENTERING
    assert (await refusal(closing.renounce(all=True))).type == RefusalType.IRREVOCABLE
    assert (await without_duplicates(closing)).count(EventType.RENOUNCED) == 1


async def test_acts_before_the_close_find_nothing_and_leave_nothing(installation: TestInstallation) -> None:
    closing = await installation.account()
    for act in (closing.confirm(), closing.withdraw(), closing.renounce(all=True)):
        assert (await refusal(act)).type == RefusalType.CLOSURE_NOT_FOUND
    assert await installation.records.last(closing.account_id) is None
    assert (await closing.close()).stage is Stage.READY


async def test_a_confirm_of_a_client_that_was_killed_is_not_carried_out_beside_the_next(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.ready()
    forgotten = await written(closing, ActKind.CONFIRM, REASON)
    assert (await closing.confirm()).stage is Stage.ENTERING
    late = await refusal(send(closing, ActKind.CONFIRM, forgotten))
    assert late.type == RefusalType.IRREVOCABLE
    assert await act_status(closing, forgotten) is ActStatus.REFUSED
    assert (await without_duplicates(closing)).count(EventType.CONFIRMED) == 1


async def test_a_close_of_a_client_that_was_killed_stands_in_the_way_until_it_lapses(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    proof_id = await closing.prove()
    forgotten = await written(closing, ActKind.CLOSE, close_words(closing), proof_id=proof_id)
    assert (await refusal(closing.close())).type == RefusalType.CLOSURE_ALREADY_OPEN
    await let_lapse(closing, forgotten)
    assert (await refusal(open_by(closing, forgotten))).type == RefusalType.ACT_LAPSED
    assert await installation.records.open_closure(closing.account_id) is None
    assert (await closing.close()).stage is Stage.READY
    assert (await without_duplicates(closing)).count(EventType.OPENED) == 1


async def let_lapse(closing: AccountDriver, act_id: str) -> None:
    """The minute in which somebody may take it up is over."""
    await closing.installation.database.write(
        lambda each: each.execute(
            update(record_acts)
            .where(record_acts.c.act_id == act_id)
            .values(lapses_at=database_time(each) - timedelta(seconds=1))
        )
    )


class _DeafClient(Interceptor):
    """A client that never hears the answer to an act: the connection is gone when it comes."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Deaf(next)


class _Deaf(OutboundInterceptor):
    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[object]:
        update = await super().start_update_with_start_workflow(input)
        await update.result()
        raise RPCError("the connection was lost", RPCStatusCode.UNAVAILABLE, b"")


async def test_an_act_whose_answer_is_lost_is_read_from_the_record(installation: TestInstallation) -> None:
    config = installation.client.config()
    config["interceptors"] = [*config["interceptors"], _DeafClient()]
    closing = await SCENES["deleted"].open(replace(installation, client=Client(**config)))
    assert (await closing.close()).stage is Stage.BLOCKED
    assert (await closing.renounce(all=True)).stage is Stage.READY
    assert (await closing.confirm()).stage is Stage.ENTERING
    events = await without_duplicates(closing)
    for event in (EventType.OPENED, EventType.RENOUNCED, EventType.CONFIRMED):
        assert events.count(event) == 1


@pytest.mark.parametrize("stage", [Stage.READY, Stage.SILENT])
async def test_a_flood_of_rechecks_is_survived(installation: TestInstallation, stage: Stage) -> None:
    closing = await installation.account()
    await (closing.ready() if stage is Stage.READY else closing.silent())
    surveys = (await closing.status()).survey_number
    await asyncio.gather(*(closing.handle.signal("recheck") for _ in range(FLOOD)))
    if stage is Stage.READY:
        await closing.until(
            lambda document: document.stage is Stage.READY and document.survey_number > surveys
        )
        # Requests that come while a survey runs are one request.
        assert (await closing.status()).survey_number - surveys < FLOOD / 2
        await closing.confirm()
        await closing.fast_forward(closing.policy.entering_duration * 2)
        await closing.until(Stage.SILENT)
    else:
        assert (await closing.status()).survey_number == surveys
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert (await without_duplicates(closing)).count(EventType.CONFIRMED) == 1
