"""Names that follow from what they name: the same for the same, another for anything else."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.identifiers import account_of_workflow, effect_key, subaccount_closure_id, workflow_id_of

LONG = "x" * 201
ids = st.one_of(
    st.text("ab/%:.", min_size=1, max_size=4),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from((LONG, LONG + "x", "/", "%2F", hashlib.sha256(LONG.encode()).hexdigest())),
)
places = st.tuples(ids, ids, st.lists(ids, max_size=3))


@given(places, places)
def test_no_two_effects_have_the_same_key(
    one: tuple[str, str, list[str]], other: tuple[str, str, list[str]]
) -> None:
    keys = [effect_key(closure_id, effect, *parts) for closure_id, effect, parts in (one, other)]
    assert (keys[0] == keys[1]) is (one == other)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a/b",), ("a", "b")),
        (("a", ""), ("a",)),
        (("",), ()),
        (("a%2Fb",), ("a/b",)),
        ((LONG,), (digest(LONG),)),
        ((LONG,), (f"sha256:{digest(LONG)}",)),
        ((LONG, "b"), (LONG, "c")),
    ],
)
def test_keys_of_things_that_look_alike_differ(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert effect_key("c-1", "release", *one) != effect_key("c-1", "release", *other)


@given(places)
def test_a_key_is_always_the_same_and_never_long(place: tuple[str, str, list[str]]) -> None:
    closure_id, effect, parts = place
    key = effect_key(closure_id, effect, *parts)
    assert key == effect_key(closure_id, effect, *parts)
    assert key.isascii()
    assert len(effect_key("closure-" + "0" * 32, "release", *parts)) < 300


def test_keys_are_plain_where_ids_are() -> None:
    assert effect_key("closure-1", "write-off", "ali-1", "forfeit") == "closure-1/write-off/ali-1/forfeit"


plain = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(plain, ids, plain, ids)
def test_an_account_of_a_provider_has_one_workflow_id(
    provider: str, account_id: str, other_provider: str, other: str
) -> None:
    workflow_id = workflow_id_of(provider, account_id)
    assert account_of_workflow(workflow_id) == account_id
    same = (provider, account_id) == (other_provider, other)
    assert (workflow_id == workflow_id_of(other_provider, other)) is same


@pytest.mark.parametrize(
    "other", ["", "closure", "closure/alibaba-cloud", "watch/alibaba-cloud/a-1", "x/y/z"]
)
def test_the_id_of_another_workflow_names_no_account(other: str) -> None:
    assert account_of_workflow(other) is None


@given(ids, ids)
def test_a_subaccounts_closure_is_named_after_both_and_not_too_long(account_id: str, other: str) -> None:
    owner = "closure-" + "0" * 32
    named = subaccount_closure_id(owner, account_id)
    assert len(named) == len(owner)
    assert (named == subaccount_closure_id(owner, other)) is (account_id == other)
    assert named != subaccount_closure_id("closure-" + "1" * 32, account_id)
