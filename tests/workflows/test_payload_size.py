"""No list of things goes to Temporal: a payload that is too large is a fault that shows at once."""

import asyncio

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from closure.lifecycle import Stage
from closure.state import ClosureView
from keys.data_converter import build_data_converter
from keys.payload_faults import LARGEST_PAYLOAD, PAYLOAD_TOO_LARGE
from tests.harness.around import Act, AroundActivities, Call
from tests.harness.hurry import with_worker_interceptors
from tests.harness.installation import InstallationBuilder
from tests.harness.waiting import BEYOND, PATIENCE

LONG = "x" * LARGEST_PAYLOAD


def test_a_value_that_fits_is_encoded_and_a_larger_one_is_refused() -> None:
    converter = build_data_converter().payload_converter
    converter.to_payloads([LONG[:-2]])
    with pytest.raises(ApplicationError) as caught:
        converter.to_payloads(["fits", LONG])
    assert caught.value.type == PAYLOAD_TOO_LARGE
    assert caught.value.non_retryable


async def test_a_result_that_is_too_large_ends_the_run_at_once_and_the_closure_can_be_resumed(
    client: Client, installations: InstallationBuilder
) -> None:
    swollen = True

    async def around(call: Call, act: Act) -> object:
        result = await act()
        if call.name == "enter" and swollen:
            assert isinstance(result, ClosureView)
            return result.model_copy(update={"checks": (LONG,)})
        return result

    swelling = with_worker_interceptors(client, AroundActivities(around))
    async with installations.open(client=swelling) as installation:
        closing = await installation.account()
        await closing.ready()
        await closing.confirm()
        with pytest.raises(WorkflowFailureError) as failed:
            await asyncio.wait_for(closing.handle.result(), PATIENCE.total_seconds())
        assert isinstance(failed.value.cause, ApplicationError)
        assert failed.value.cause.type == PAYLOAD_TOO_LARGE
        swollen = False
        await closing.closures.resume(closing.closure_id)
        await closing.fast_forward(closing.policy.entering_duration + BEYOND)
        await closing.until(Stage.SILENT)
