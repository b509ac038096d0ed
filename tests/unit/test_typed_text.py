"""Typed texts are compared as a person sees them, and shown as they are compared."""

import pytest

from closure.errors import RefusalType, Refused
from closure.typed_text import as_compared
from tests.unit.examples import alibaba_cloud


@pytest.mark.parametrize(
    ("typed", "compared"),
    [
        ("close  a-1", "close a-1"),
        (" close\ta-1\r\n", "close a-1"),
        ("close\u00a0\u3000a-1", "close a-1"),
        ("clo\u0302ture", "cl\u00f4ture"),
        ("cl\u00f4\u200bture\ufeff", "cl\u00f4ture"),
        ("clo\u200b\u0302ture", "cl\u00f4ture"),
        ("close \u200b a-1", "close a-1"),
        ("Close A-1", "Close A-1"),
        ("\x1b[31mclose", "[31mclose"),
        ("", ""),
    ],
)
def test_what_nobody_sees_makes_no_difference(typed: str, compared: str) -> None:
    assert as_compared(typed) == compared
    assert as_compared(compared) == compared


@pytest.mark.parametrize("typed", [None, "", "close", "CLOSE a  1", "close a1"])
def test_another_phrase_is_refused_and_the_right_one_shown_as_it_is_compared(typed: str | None) -> None:
    policy = alibaba_cloud().model_copy(update={"typed_phrase": "close  {account_id}"})
    with pytest.raises(Refused) as refused:
        policy.require_phrase("a  1", typed)
    assert refused.value.type is RefusalType.PHRASE_REFUSED
    assert refused.value.facts["phrase"] == "close a 1"
    policy.require_phrase("a  1", "close a 1")
    policy.require_phrase("a  1", "close  a  1")
