"""The picture of a closure's life: which steps there are, and that every way ends in one outcome."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.lifecycle import ENDED, IRREVOCABLE, REVOCABLE, Outcome, Stage, may_step

PICTURE = """
opened -> checking refused
checking -> blocked ready withdrawn expired
blocked -> checking ready withdrawn expired
ready -> checking blocked cooling_off entering withdrawn expired
cooling_off -> blocked ready entering withdrawn
entering -> silent retained deleting dormant restoring
silent -> final_check
final_check -> restoring retained deleting
restoring -> restored
retained -> deleting
deleting -> deleted
"""
"""The design's, read left to right; without a cool-off, silence or retention their stages are left out."""

DRAWN = {
    (Stage(start), Stage(end))
    for start, ends in (line.split(" -> ") for line in PICTURE.split("\n") if line)
    for end in ends.split()
}


def steps_from(stage: Stage) -> list[Stage]:
    return [end for end in Stage if may_step(stage, end)]


@pytest.mark.parametrize(("start", "end"), sorted(DRAWN))
def test_every_step_of_the_picture_is_allowed(start: Stage, end: Stage) -> None:
    assert may_step(start, end)


@pytest.mark.parametrize("start", [stage for stage in Stage if stage is not Stage.OPENED])
def test_no_other_step_is_allowed(start: Stage) -> None:
    assert {(start, end) for end in steps_from(start)} == {step for step in DRAWN if step[0] is start}


def test_a_closure_that_was_just_opened_goes_on_or_ends_but_changes_nothing() -> None:
    assert set(steps_from(Stage.OPENED)) <= {Stage.CHECKING, *ENDED} - {Stage.DELETED, Stage.DORMANT}


@pytest.mark.parametrize("stage", list(Stage))
def test_staying_is_no_step(stage: Stage) -> None:
    assert not may_step(stage, stage)


def test_every_stage_is_revocable_irrevocable_or_an_end() -> None:
    assert set(Stage) == REVOCABLE | IRREVOCABLE | ENDED
    assert len(REVOCABLE) + len(IRREVOCABLE) + len(ENDED) == len(Stage)


def test_an_end_is_an_outcome_of_the_same_name_and_has_no_way_out() -> None:
    assert {stage.value for stage in ENDED} == {outcome.value for outcome in Outcome}
    for stage in Stage:
        outcome = stage.outcome
        assert (outcome is not None) is (stage in ENDED) is (steps_from(stage) == [])
        assert outcome is None or outcome.value == stage.value


@pytest.mark.parametrize(("start", "end"), list(product(sorted(IRREVOCABLE), sorted(REVOCABLE))))
def test_a20_nothing_leads_back_from_what_is_irrevocable(start: Stage, end: Stage) -> None:
    assert not may_step(start, end)


@pytest.mark.parametrize("start", sorted(IRREVOCABLE))
@pytest.mark.parametrize("end", [Stage.WITHDRAWN, Stage.EXPIRED, Stage.REFUSED])
def test_a20_what_is_irrevocable_is_not_withdrawn_expired_or_refused(start: Stage, end: Stage) -> None:
    assert not may_step(start, end)


def test_only_confirm_or_the_end_of_a_cool_off_leads_into_the_irrevocable_part() -> None:
    entrances = {(start, end) for start, end in product(REVOCABLE, IRREVOCABLE) if may_step(start, end)}
    assert entrances == {(Stage.READY, Stage.ENTERING), (Stage.COOLING_OFF, Stage.ENTERING)}


def test_a21_the_silent_period_ends_in_the_final_check_and_nowhere_else() -> None:
    assert steps_from(Stage.SILENT) == [Stage.FINAL_CHECK]


def test_a22_deletion_follows_deleting_only_and_deleting_has_no_other_end() -> None:
    assert [stage for stage in Stage if may_step(stage, Stage.DELETED)] == [Stage.DELETING]
    assert steps_from(Stage.DELETING) == [Stage.DELETED]


def test_a23_restoring_follows_a_look_before_anything_is_erased_and_ends_restored() -> None:
    before = [Stage.ENTERING, Stage.FINAL_CHECK]
    assert [stage for stage in Stage if may_step(stage, Stage.RESTORING)] == before
    assert steps_from(Stage.RESTORING) == [Stage.RESTORED]


@given(st.data())
def test_a_walk_of_allowed_steps_ends_in_exactly_one_outcome(data: st.DataObject) -> None:
    walk = [Stage.OPENED]
    while steps_from(walk[-1]):
        # A customer may look again a few times; not for ever.
        forward = [end for end in steps_from(walk[-1]) if walk.count(end) < 4]
        walk.append(data.draw(st.sampled_from(forward)))
    assert [stage for stage in walk if stage.outcome is not None] == walk[-1:]
    irrevocable = [stage in IRREVOCABLE for stage in walk[:-1]]
    assert irrevocable == sorted(irrevocable), "once irrevocable, always irrevocable"
    if walk[-1] in (Stage.DELETED, Stage.RESTORED, Stage.DORMANT):
        assert walk.count(Stage.ENTERING) == 1
    else:
        assert not any(irrevocable)
    if Stage.SILENT in walk:
        assert walk[walk.index(Stage.SILENT) + 1] is Stage.FINAL_CHECK


@pytest.mark.parametrize("start", [stage for stage in Stage if stage not in ENDED])
def test_from_every_stage_there_is_a_way_to_an_end(start: Stage) -> None:
    reached, frontier = {start}, [start]
    while frontier:
        new = set(steps_from(frontier.pop())) - reached
        reached |= new
        frontier += new
    assert reached & ENDED
    if start in REVOCABLE:
        assert {Stage.DELETED, Stage.RESTORED, Stage.DORMANT, Stage.WITHDRAWN, Stage.EXPIRED} <= reached
