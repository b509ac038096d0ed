"""A worker dies by SIGKILL before, inside and after whatever it does; a fresh one carries on."""

import inspect
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields

import pytest

from closure.accounts import Channel
from closure.acts import ActStatus
from closure.lifecycle import Outcome
from closure.steps import Step
from connectors import ports
from connectors.embedded.ledger import MovementReason
from connectors.ports import Platform
from tests.faults.casualties import Choice, NeverStruck, Undisturbed, Ward
from tests.faults.fault_points import ANCHOR, RECORD, FaultPoint, Moment
from tests.faults.scenes import SCENES, Scene

DRAWS = 6
"""Points drawn from all of a scene: activities, commits, anchors and results, the nth of its kind."""
LONG_DRAWS = 24
"""As many where there is time."""


def _port_methods() -> Iterator[str]:
    for port in fields(Platform):
        protocol = (
            getattr(ports, str(port.type).rpartition(".")[2]) if isinstance(port.type, str) else port.type
        )
        for method, function in inspect.getmembers(protocol, inspect.iscoroutinefunction):
            if not method.startswith("_"):
                yield f"{port.name}.{function.__name__}"


PORT_METHODS = tuple(_port_methods())
"""Every method of every port, as ``billing.forfeit``; ports to come included."""


def transactions(scene: Scene) -> Iterator[str]:
    """Every step's opening and closing, every act's taking and end, and the outcome's own transaction."""
    for step in sorted(scene.steps):
        yield f"{RECORD}.open-{step.value}"
        yield f"{RECORD}.close-{step.value}"
    for kind in sorted(scene.acts):
        yield f"{RECORD}.{kind.value}-{ActStatus.TAKEN.value}"
        yield f"{RECORD}.{kind.value}-{ActStatus.DONE.value}"
    yield f"{RECORD}.{scene.outcome.value}"


def struck_in(scene: Scene) -> list[str]:
    """Everything of which it is known beforehand that the scene comes to it."""
    methods = [method for method in PORT_METHODS if method not in scene.uncalled]
    return [*methods, *transactions(scene), ANCHOR]


def chosen() -> Iterator[object]:
    """Everything once before and once after it, in the scenes that come to it by turns; then some draws.

    The same in each of the scenes, and many more draws, take long.
    """
    scenes = [scene for scene in SCENES.values() if scene.is_struck_everywhere]
    turns: set[tuple[str, Choice]] = set()
    for number, name in enumerate(dict.fromkeys(name for scene in scenes for name in struck_in(scene))):
        users = [scene for scene in scenes if name in struck_in(scene)]
        for turn, moment in enumerate((Moment.BEFORE, Moment.AFTER), start=number):
            turns.add((users[turn % len(users)].name, Choice(moment, name)))
    for scene in SCENES.values():
        names = struck_in(scene) if scene.is_struck_everywhere else []
        choices = [Choice(moment, name) for name in names for moment in (Moment.BEFORE, Moment.AFTER)]
        for choice in (*choices, *(Choice(draw=number) for number in range(LONG_DRAWS))):
            is_short = (scene.name, choice) in turns or (choice.moment is None and choice.draw < DRAWS)
            marks = () if is_short else (pytest.mark.long,)
            yield pytest.param(scene, choice, id=f"{scene.name}-{choice}", marks=marks)


@pytest.mark.parametrize(("scene", "choice"), list(chosen()))
async def test_a_killed_worker_leaves_one_effect_each(
    scene: Scene, choice: Choice, ward: Ward, undisturbed_scenes: dict[str, Undisturbed], seed: int
) -> None:
    expected = undisturbed_scenes[scene.name]
    for point in choice.among(expected.points, seed, scene):
        print(f"FAULT_SEED={seed} scene={scene.name} point={point}")  # noqa: T201 - shown when the test fails
        with suppress(NeverStruck):
            after = await ward.admit(scene, point)
            break
    else:
        pytest.fail("the worker never came to its fault point")
    assert after.differences(expected.aftermath) == []


@pytest.mark.parametrize("scene", list(SCENES.values()), ids=list(SCENES))
def test_an_undisturbed_closure_does_everything_once(
    scene: Scene, undisturbed_scenes: dict[str, Undisturbed]
) -> None:
    """What the struck closures are compared with."""
    after = undisturbed_scenes[scene.name].aftermath
    assert after.outcome is scene.outcome
    assert set(after.effects.values()) == {1}
    assert set(after.certificates.values()) == {1}
    assert after.acts == Counter(kind.value for kind in scene.acts)
    taken = {step for step, is_closed in after.steps.items() if is_closed}
    assert taken == set(after.steps)
    assert {f"account {step.value}" for step in scene.steps} <= taken
    own = {
        MovementReason.FORFEIT_CASH,
        MovementReason.FORFEIT_PROMO,
        MovementReason.VOID_DEBT,
        MovementReason.REFUND_ORDERED,
        MovementReason.REFUND_PAID_OTHERWISE,
    }
    movements = Counter(
        {movement: count for movement, count in after.movements.items() if movement[0] in own}
    )
    assert movements == Counter(scene.movements)
    reader = "erased" if scene.outcome is Outcome.DELETED else "u-1"  # nothing names a deleted person
    assert after.messages == Counter(
        (template, channel.value, reader) for template in scene.templates for channel in Channel
    )
    if scene.outcome is Outcome.DELETED:
        assert set(after.things.values()) == {0}


@pytest.mark.parametrize("scene", list(SCENES.values()), ids=list(SCENES))
def test_every_port_method_and_transaction_is_struck_or_known_to_be_unused(
    scene: Scene, undisturbed_scenes: dict[str, Undisturbed]
) -> None:
    called = set(undisturbed_scenes[scene.name].called)
    assert set(PORT_METHODS) - called == scene.uncalled
    assert {name for name in called if name.startswith((f"{RECORD}.open", f"{RECORD}.close-"))} <= {
        *transactions(scene)
    }


def test_every_step_has_a_scene() -> None:
    assert set(Step) == {step for scene in SCENES.values() for step in scene.steps}


def test_a_fault_point_reads_as_it_is_written() -> None:
    point = FaultPoint(Moment.AFTER, "billing.forfeit", 2)
    assert FaultPoint.parse(str(point)) == point
    with pytest.raises(ValueError, match="later"):
        FaultPoint.parse("later:billing.forfeit#2")
