"""Whatever is delivered twice, too often, too late or in another order happens once, or is refused."""

import asyncio

import pytest
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from closure.messages import RenounceRequest, StatusDocument
from records.entries import EventType
from tests.faults.scenes import SCENES
from tests.workflows.house import Closing, House, refusal

FLOOD = 200
BY_THE_SERVER = {
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
}
"""Why the server itself gives a task out again: more than a hundred signals came while it ran."""


async def without_duplicates(closing: Closing) -> list[EventType]:
    trail = await closing.house.records.trail(closing.closure_id)
    assert trail is not None
    assert trail.fault is None
    keys = [event.key for event in trail.events]
    assert len(keys) == len(set(keys))
    history = await closing.history()
    causes = {
        event.workflow_task_failed_event_attributes.cause
        for event in history.events
        if event.HasField("workflow_task_failed_event_attributes")
    }
    assert causes <= BY_THE_SERVER
    return [event.event for event in trail.events]


async def test_the_same_start_three_times_at_once_opens_one_closure(house: House) -> None:
    closing = await house.account()
    proof_id = await closing.prove()
    answers = await asyncio.gather(
        *(closing.close(proof_id=proof_id) for _ in range(3)), return_exceptions=True
    )
    documents = [answer for answer in answers if isinstance(answer, StatusDocument)]
    refused = [answer for answer in answers if not isinstance(answer, StatusDocument)]
    assert documents
    assert all(document == documents[0] for document in documents)
    assert all(isinstance(answer, WorkflowAlreadyStartedError) for answer in refused), refused
    assert (await without_duplicates(closing)).count(EventType.OPENED) == 1


@pytest.mark.parametrize("same_id", [True, False], ids=["same id", "ids of their own"])
async def test_five_confirms_at_once_confirm_once(house: House, same_id: bool) -> None:
    closing = await house.account()
    await closing.ready()
    answers = await asyncio.gather(
        *(closing.confirm(update_id="confirm" if same_id else f"confirm-{number}") for number in range(5)),
        return_exceptions=True,
    )
    documents = [answer for answer in answers if isinstance(answer, StatusDocument)]
    refused = [answer for answer in answers if isinstance(answer, WorkflowUpdateFailedError)]
    assert (len(documents), len(refused)) == ((5, 0) if same_id else (1, 4)), answers
    assert (await without_duplicates(closing)).count(EventType.CONFIRMED) == 1


async def test_a_renounce_and_its_echo_after_the_confirm(house: House) -> None:
    closing = await SCENES["deleted"].open(house)
    await closing.close()
    request = RenounceRequest(actor="u-1", all=True, accept_risk=True)
    first = await closing.update("renounce", request, update_id="renounce")
    await closing.confirm()
    assert await closing.update("renounce", request, update_id="renounce") == first
    again = refusal(closing.update("renounce", request, update_id="renounce-again"))
    assert (await again).type == RefusalType.IRREVOCABLE
    assert (await without_duplicates(closing)).count(EventType.RENOUNCED) == 1


async def test_updates_before_the_start_find_nothing_and_leave_nothing(house: House) -> None:
    closing = await house.account()
    for act in (closing.confirm(), closing.withdraw(), closing.renounce(all=True)):
        with pytest.raises(RPCError) as error:
            await act
        assert error.value.status is RPCStatusCode.NOT_FOUND
    assert await house.records.last(closing.account_id) is None
    assert (await closing.close()).stage is Stage.READY


@pytest.mark.parametrize("stage", [Stage.READY, Stage.SILENT])
async def test_a_flood_of_rechecks_is_survived(house: House, stage: Stage) -> None:
    closing = await house.account()
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
