"""Until when a closure waits, and how many seconds that is."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given

from client.standing import seconds_until
from closure.lifecycle import UNCONFIRMED, Mode, Stage
from closure.state import ClosureState
from tests.harness.strategies import NOW, moments

MOMENTS = {
    **{stage: NOW + timedelta(days=1) for stage in UNCONFIRMED},
    Stage.COOLING_OFF: NOW + timedelta(days=2),
    Stage.ENTERING: NOW + timedelta(days=3),
    Stage.SILENT: NOW + timedelta(days=4),
    Stage.RETAINED: NOW + timedelta(days=5),
}


@pytest.mark.parametrize("stage", list(Stage))
def test_only_the_waits_for_time_have_a_deadline(stage: Stage) -> None:
    state = ClosureState(
        closure_id="c-1",
        account_id="a-1",
        provider="acme",
        policy="acme",
        policy_version="1",
        mode=Mode.DELETE,
        workflow_id="closure/acme/a-1",
        stage=stage,
        opened_at=NOW,
        draft_until=MOMENTS[Stage.READY],
        cool_off_until=MOMENTS[Stage.COOLING_OFF],
        entering_until=MOMENTS[Stage.ENTERING],
        silent_until=MOMENTS[Stage.SILENT],
        delete_after=MOMENTS[Stage.RETAINED],
    )
    assert (state.deadline and state.deadline.at) == MOMENTS.get(stage)


@pytest.mark.parametrize(
    ("before", "seconds"),
    [
        (timedelta(seconds=10), 10),
        (timedelta(milliseconds=1), 1),
        (timedelta(seconds=9, milliseconds=1), 10),
        (timedelta(0), 0),
        (timedelta(seconds=-1), 0),
        (timedelta(days=-400), 0),
    ],
)
def test_a20_the_remaining_time_is_rounded_up_and_never_negative(before: timedelta, seconds: int) -> None:
    assert seconds_until(NOW, NOW - before) == seconds


@given(moments, moments)
def test_a20_it_is_zero_exactly_when_the_time_has_come(until: datetime, now: datetime) -> None:
    assert (seconds_until(until, now) == 0) is (until <= now)
