"""Lists too long to have in hand: as good as tuples, packed in memory and in the record."""

import tracemalloc
import zlib
from collections.abc import Iterator, Sequence
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from closure.accounts import IDS, Resource
from closure.long_lists import PACKED, PART, Long, LongList, added, differing, in_order, is_in_order
from closure.messages import CHECKLIST, ChecklistItem, ItemCategory, ItemText, ItemWording
from closure.model import WireModel

LENGTHS = (0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1)
FEW = st.lists(st.sampled_from("abcdef"), unique=True)
RESOURCES = Long(Resource)


class Owner(WireModel):
    """Has what may be a long list."""

    ids: Annotated[Sequence[str], IDS] = ()
    resources: Annotated[Sequence[Resource], RESOURCES] = ()


def name_of(pair: tuple[str, int]) -> str:
    return pair[0]


def names(number: int) -> tuple[str, ...]:
    return tuple(f"i-{place:05}" for place in range(number))


def resources(number: int) -> Iterator[Resource]:
    return (Resource(resource_id=name, product="ecs", depends_on=("i-0",)) for name in names(number))


@pytest.mark.parametrize("number", LENGTHS)
def test_a_list_is_what_it_was_made_of(number: int) -> None:
    made = IDS.of(iter(names(number)))
    assert isinstance(made, LongList) is (number > PART)
    assert (len(made), tuple(made)) == (number, names(number))
    assert made == names(number)
    assert names(number) == made
    assert made == IDS.of(made)
    assert tuple(reversed(made)) == names(number)[::-1]


@pytest.mark.parametrize("number", [PART + 1, 2 * PART, 3 * PART - 1])
def test_places_and_slices_are_those_of_a_tuple(number: int) -> None:
    made, whole = IDS.of(names(number)), names(number)
    for place in (0, 1, PART - 1, PART, number - 1, -1, -number):
        assert made[place] == whole[place]
    for place in (number, -number - 1):
        with pytest.raises(IndexError):
            made[place]
    for some in (slice(3), slice(-3, None), slice(PART - 1, PART + 1), slice(None, None, 400), slice(5, 2)):
        assert made[some] == whole[some]
    assert made[::-1] == whole[::-1]


@pytest.mark.parametrize("number", [PART, PART + 1, 3 * PART])
def test_a_thing_keeps_what_it_does_not_write(number: int) -> None:
    wording = ItemWording(text=ItemText.CHECK, values=(("name", "web\n1"),))
    items = tuple(
        ChecklistItem(
            item_id=f"domains/{place}",
            check="domains",
            category=ItemCategory.MANUAL,
            wording=wording if place % 2 else None,
        )
        for place in range(number)
    )
    kept = CHECKLIST.of(items)
    assert isinstance(kept, LongList) is (number > PART)
    assert tuple(kept) == items
    assert [each.wording for each in kept] == [each.wording for each in items]
    assert "wording" not in kept[1].model_dump()


def test_what_was_packed_before_all_was_kept_is_read() -> None:
    items = [
        ChecklistItem(item_id=str(each), check="domains", category=ItemCategory.MANUAL) for each in range(3)
    ]
    old = zlib.compress(TypeAdapter(list[ChecklistItem]).dump_json(items))
    assert CHECKLIST.unpack(old) == items


def test_lists_that_differ_are_not_alike() -> None:
    made = IDS.of(names(PART + 1))
    assert made not in (names(PART + 2), names(PART), (*names(PART), "other"), IDS.of(names(PART + 2)))
    assert made != [*names(PART + 1)]
    assert hash(made) == hash(IDS.of(names(PART + 1)))


@pytest.mark.parametrize("number", LENGTHS)
def test_a_model_reads_back_what_it_writes_packed_or_not(number: int) -> None:
    owner = Owner.model_validate({"ids": names(number), "resources": resources(number)})
    plain, packed = owner.model_dump_json(), owner.model_dump_json(context=PACKED)
    assert Owner.model_validate_json(plain) == Owner.model_validate_json(packed) == owner
    assert Owner.model_validate(owner.model_dump()) == owner
    assert (packed != plain) is (number > PART)
    assert tuple(Owner.model_validate_json(packed).resources) == tuple(resources(number))


@pytest.mark.parametrize(
    "wrong", ["i-1", 7, None, {"i-1": "i-2"}, [1], [None] * (PART + 1), {"parts": ["?"]}]
)
def test_what_is_no_list_of_its_kind_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Owner.model_validate({"ids": wrong})


def test_very_many_things_are_never_in_hand() -> None:
    many = 40 * PART
    RESOURCES.of(resources(2 * PART))  # what is made once doesn't count
    tracemalloc.start()
    try:
        made = RESOURCES.of(resources(many))
        assert sum(1 for _ in made) == many
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 150 * many  # a `Resource` alone takes ten times as much


def test_a_long_list_is_compared_with_nothing_without_being_in_hand() -> None:
    many = 40 * PART
    made = RESOURCES.of(resources(many))
    tracemalloc.start()
    try:
        assert [*added(made, (), lambda each: each.resource_id)] == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * many


@given(FEW)
def test_order_is_seen_and_made(found: list[str]) -> None:
    assert is_in_order(found, str) is (found == sorted(found))
    assert [*in_order(found, str)] == sorted(found)


def test_two_alike_are_not_in_order() -> None:
    assert not is_in_order(["a", "a"], str)
    assert is_in_order([], str)
    assert is_in_order(["a"], str)


@pytest.mark.parametrize("swapped", [0, PART - 1, PART, 2 * PART - 2])
def test_a_long_list_knows_whether_it_is_in_order(swapped: int) -> None:
    mixed = [*names(2 * PART)]
    mixed[swapped : swapped + 2] = reversed(mixed[swapped : swapped + 2])
    rising, other = IDS.of(names(2 * PART)), IDS.of(mixed)
    for made, expected in ((rising, True), (other, False)):
        read = Owner.model_validate_json(Owner(ids=made).model_dump_json(context=PACKED)).ids
        assert is_in_order(made, str) is is_in_order(read, str) is expected
        assert tuple(in_order(made, str)) == names(2 * PART)


@given(FEW, FEW)
def test_only_what_has_come_is_added(before: list[str], after: list[str]) -> None:
    assert sorted(added(before, after, str)) == sorted({*after} - {*before})


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 1)), st.data())
def test_only_what_differs_is_found_in_whatever_order(before: dict[str, int], data: st.DataObject) -> None:
    after = data.draw(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 1)))
    shuffled = data.draw(st.permutations([*after.items()]))
    found = [*differing([*before.items()], shuffled, name_of)]
    assert {new for old, new in found if old is None} == {
        (name, value) for name, value in after.items() if name not in before
    }
    assert {old for old, new in found if new is None} == {
        (name, value) for name, value in before.items() if name not in after
    }
    assert {(old, new) for old, new in found if old and new} == {
        ((name, before[name]), (name, after[name]))
        for name in before.keys() & after.keys()
        if before[name] != after[name]
    }
