import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.accounts import Resource
from closure.release_order import caught_in_cycles, release_batches
from tests.harness.strategies import resources


def chain(*pairs: str) -> tuple[Resource, ...]:
    """``"a>b"``: a depends on b; ``"c"``: c depends on nothing."""
    needed: dict[str, list[str]] = {}
    for pair in pairs:
        name, _, target = pair.partition(">")
        needed.setdefault(name, []).extend([target] if target else [])
        if target:
            needed.setdefault(target, [])
    return tuple(
        Resource(resource_id=name, product="ecs", depends_on=tuple(targets))
        for name, targets in needed.items()
    )


def all_ids(found: Iterable[Resource]) -> set[str]:
    return {each.resource_id for each in found}


def reachable(found: tuple[Resource, ...]) -> dict[str, set[str]]:
    """All that each depends on, through others too; itself as well if it is on a cycle."""
    direct = {each.resource_id: set(each.depends_on) & all_ids(found) for each in found}
    reached = {name: set(targets) for name, targets in direct.items()}
    for _ in found:
        reached = {
            name: near | {far for each in near for far in direct[each]} for name, near in reached.items()
        }
    return reached


@given(resources(cycles=False, at_most=10))
def test_dependents_go_before_what_they_depend_on(found: tuple[Resource, ...]) -> None:
    batches = release_batches(found, all_ids(found))
    position = {name: number for number, batch in enumerate(batches) for name in batch}
    assert sorted(position) == sorted(all_ids(found))
    assert sum(map(len, batches)) == len(found)
    for each in found:
        for needed in each.depends_on:
            if needed in position:
                assert position[each.resource_id] < position[needed]
    assert all(batch and list(batch) == sorted(batch) for batch in batches)
    assert caught_in_cycles(found) == frozenset()


@given(resources(cycles=False, at_most=8), st.data())
def test_the_order_does_not_depend_on_how_the_source_lists_them(
    found: tuple[Resource, ...], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(found))
    assert release_batches(other, all_ids(found)) == release_batches(found, all_ids(found))


@given(resources(at_most=8))
def test_cycles_are_found_exactly(found: tuple[Resource, ...]) -> None:
    reached = reachable(found)
    on_cycle = {name for name in reached if name in reached[name]}
    before_one = {name for name in reached if reached[name] & on_cycle} | on_cycle
    after_one = {far for name in on_cycle for far in reached[name]} | on_cycle
    assert caught_in_cycles(found) == before_one & after_one
    free = tuple(each for each in found if each.resource_id not in caught_in_cycles(found))
    assert set().union(*release_batches(free, all_ids(free))) == all_ids(free)


@given(resources(at_most=8))
def test_a_cycle_among_the_selected_is_an_error_and_nothing_else_is(found: tuple[Resource, ...]) -> None:
    if caught_in_cycles(found):
        with pytest.raises(ValueError, match="dependency cycle"):
            release_batches(found, all_ids(found))
    else:
        release_batches(found, all_ids(found))


def test_a_diamond_goes_in_three_batches() -> None:
    found = chain("app>db", "app>cache", "db>net", "cache>net")
    assert release_batches(found, all_ids(found)) == (("app",), ("cache", "db"), ("net",))


def test_nothing_selected_is_nothing_released() -> None:
    assert release_batches(chain("a>b"), ()) == ()
    assert release_batches((), {"a"}) == ()


def test_what_is_gone_already_is_left_out() -> None:
    found = chain("a", "b")
    assert release_batches(found, {"a", "gone"}) == (("a",),)
    lonely = (Resource(resource_id="a", product="ecs", depends_on=("gone",)),)
    assert release_batches(lonely, {"a", "gone"}) == (("a",),)


def test_what_something_living_still_needs_is_not_released() -> None:
    with pytest.raises(ValueError, match="app depends on db and is not released with it"):
        release_batches(chain("app>db"), {"db"})
    assert release_batches(chain("app>db"), {"app"}) == (("app",),)


def test_a_dependency_named_twice_counts_once() -> None:
    found = (
        Resource(resource_id="a", product="ecs", depends_on=("b", "b")),
        Resource(resource_id="b", product="ecs"),
    )
    assert release_batches(found, {"a", "b"}) == (("a",), ("b",))


def test_a_cycle_is_told_by_its_members() -> None:
    with pytest.raises(ValueError, match="dependency cycle: ") as caught:
        release_batches(chain("a>b", "b>a", "c"), {"a", "b", "c"})
    assert set(str(caught.value).removeprefix("dependency cycle: ").split(" → ")) == {"a", "b"}


@pytest.mark.parametrize(
    ("pairs", "caught"),
    [
        (("a>a",), {"a"}),
        (("a>b", "b>a", "c>a", "b>d"), {"a", "b"}),
        (("a>b", "b>a", "b>m", "m>x", "x>y", "y>x"), {"a", "b", "m", "x", "y"}),
        (("a>b", "b>c"), set()),
    ],
)
def test_what_hangs_on_a_cycle_on_one_side_only_is_not_caught(
    pairs: tuple[str, ...], caught: set[str]
) -> None:
    assert caught_in_cycles(chain(*pairs)) == caught


def test_long_chains_are_ordered_in_linear_time() -> None:
    count = 20_000
    line = tuple(
        Resource(resource_id=f"{number:06}", product="ecs", depends_on=(f"{number + 1:06}",))
        for number in range(count)
    )
    start = time.monotonic()
    assert caught_in_cycles(line) == frozenset()
    assert len(release_batches(line, all_ids(line))) == count
    assert time.monotonic() - start < 10
