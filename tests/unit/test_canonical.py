"""What is hashed and signed has one spelling, and what was spelled once is spelled so for ever."""

import hashlib
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from closure.canonical import canonical_json, sha256_of
from keys.verify import canonical as spelled_by_the_verifier
from keys.verify import verify
from tests.unit.certificates import KEY, certificate, signed

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
floats = st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | texts,
    lambda members: st.lists(members, max_size=3) | st.dictionaries(texts, members, max_size=3),
    max_leaves=10,
)
BEFORE_SURROGATES, HIGH, BEYOND = "\ud7ff", "\uffff", "\U00010000"


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        ({"b": [1, 1.0], "a": "ü"}, '{"a":"ü","b":[1,1.0]}'),
        ({"a": {"y": None, "x": {}}, "A": []}, '{"A":[],"a":{"x":{},"y":null}}'),
        ('"\\/\b\f\n\r\t\x00\x1f\x7f\u2028', '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\u2028"'),
        ({HIGH: 1, BEYOND: 2, BEFORE_SURROGATES: 3}, f'{{"{BEFORE_SURROGATES}":3,"{HIGH}":1,"{BEYOND}":2}}'),
        (2**53 + 1, "9007199254740993"),
        (1e-7, "1e-07"),
    ],
)
def test_a_value_is_spelled_as_it_always_was(value: JsonValue, spelling: str) -> None:
    assert canonical_json(value) == spelling
    assert spelled_by_the_verifier(value) == spelling.encode()


def test_characters_beyond_ascii_can_be_escapes() -> None:
    assert canonical_json({"ü": "😀"}, only_ascii=True) == '{"\\u00fc":"\\ud83d\\ude00"}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_json_does_not_have_is_an_error(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"number": number})


@given(values)
def test_the_verifier_alone_spells_as_the_program_does(value: JsonValue) -> None:
    spelling = canonical_json(value)
    assert spelled_by_the_verifier(value) == spelling.encode()
    assert canonical_json(json.loads(spelling)) == spelling


@given(st.dictionaries(texts, values, max_size=3))
def test_a_hash_part_by_part_is_that_of_the_whole_text(content: Mapping[str, JsonValue]) -> None:
    assert sha256_of(content) == hashlib.sha256(canonical_json(content).encode()).hexdigest()


@given(st.dictionaries(st.text(st.characters(max_codepoint=0xD7FF)), st.integers(), max_size=5))
def test_keys_without_high_characters_are_in_the_order_of_rfc_8785(content: Mapping[str, int]) -> None:
    by_utf_16 = sorted(content, key=lambda key: key.encode("utf-16-be"))
    assert list(json.loads(canonical_json(content))) == by_utf_16


def test_a_certificate_of_products_with_any_names_verifies() -> None:
    released = certificate().released
    assert released is not None
    products = {HIGH: 1, BEYOND: 2, "ü": 3, '"': 4, "": 5}
    issued = certificate(released=released.model_copy(update={"products": products}))
    verified = verify(signed(issued).encode(), KEY.public_key())
    assert list(verified["released"]["products"]) == ["", '"', "ü", HIGH, BEYOND]  # type: ignore[index]
