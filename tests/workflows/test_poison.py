"""Whatever people and programs send: a closure is never stuck, and a malformed start ends at once."""

from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowFailureError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from tests.fakes.platform import Weather
from tests.workflows.house import House, HouseBuilder
from tests.workflows.test_irrevocable import WAITING, carry_on

UNDECODABLE = RawValue(Payload(metadata={"encoding": b"binary/from-elsewhere"}, data=b"\xff\x00"))
BROKEN_JSON = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b'{"a":'))
SIGNALS: dict[str, list[object]] = {
    "no argument": [],
    "null": [None],
    "empty object": [{}],
    "number": [5],
    "text": ["please"],
    "list": [[1, 2]],
    "object": [{"stage": "deleted"}],
    "bytes": [b"\x00\xff"],
    "two arguments": [1, {"b": 2}],
    "undecodable": [UNDECODABLE],
    "broken JSON": [BROKEN_JSON],
}


@pytest.mark.parametrize("stage", WAITING, ids=lambda stage: stage.value)
async def test_a_recheck_signal_of_any_content_never_sticks_the_closure(
    houses: HouseBuilder, stage: Stage
) -> None:
    weather = Weather()
    async with houses.open(platforms=weather.over) as house:
        closing = await house.account()
        await WAITING[stage](closing, weather)
        for arguments in SIGNALS.values():
            await closing.handle.signal("recheck", args=arguments)
        await closing.handle.signal("no-such-signal", {"x": 1})
        await closing.until(stage)
        assert await closing.failed_tasks() == []
        assert await carry_on(closing, weather) is Outcome.DELETED
        assert await closing.failed_tasks() == []


@pytest.mark.parametrize(
    "content", ["no argument", "null", "empty object", "number", "text", "two arguments"]
)
async def test_a15_recheck_looks_again_whatever_it_carries(house: House, content: str) -> None:
    closing = await house.account()
    await closing.ready()
    await closing.handle.signal("recheck", args=SIGNALS[content])
    await closing.until(lambda document: document.survey_number == 2 and document.stage is Stage.READY)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [None],
        [{}],
        ["text"],
        [5],
        [[1]],
        [{"closure_id": 1, "account_id": [], "provider": None, "policy": {}}],
        [{"closure_id": "c", "account_id": "line\nbreak", "provider": "p", "policy": "p"}],
        [{"closure_id": "", "account_id": "a", "provider": "p", "policy": "p"}],
        [UNDECODABLE],
        [BROKEN_JSON],
    ],
    ids=lambda arguments: str(arguments)[:40],
)
async def test_a_malformed_input_fails_the_workflow_cleanly(house: House, arguments: list[object]) -> None:
    handle = await house.client.start_workflow(
        "AccountClosure",
        args=arguments,
        id=f"closure/test/{house.task_queue}",
        task_queue=house.task_queue,
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    cause = failure.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == RefusalType.MALFORMED_INPUT
    assert "line" not in str(cause)


async def test_a_start_that_nobody_follows_up_ends_by_itself(house: House) -> None:
    closing = await house.account()
    await house.client.start_workflow(
        "AccountClosure",
        {
            "closure_id": closing.closure_id,
            "account_id": closing.account_id,
            "provider": closing.provider,
            "policy": closing.provider,
        },
        id=closing.workflow_id,
        task_queue=house.task_queue,
    )
    assert await closing.handle.query("status") is None
    await closing.fast_forward(timedelta(minutes=11))
    assert await closing.handle.result() is None
    assert await house.records.get(closing.closure_id) is None
    # The account is free for a real one.
    assert (await closing.start_again()).stage is Stage.READY
