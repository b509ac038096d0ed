import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.templates import fault_in, fill, placeholders

WORDS = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=20)


def test_names_between_braces_are_placeholders() -> None:
    assert placeholders("{amount} {currency}, again {amount}, {{not one}}") == {"amount", "currency"}
    assert placeholders("plain") == frozenset()


@pytest.mark.parametrize("text", ["{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{ a}", "{a b}"])
def test_anything_but_a_plain_name_is_a_fault(text: str) -> None:
    with pytest.raises(ValueError, match="no plain placeholder"):
        placeholders(text)
    assert "bad placeholder" in (fault_in(text, {"a"}) or "")


@pytest.mark.parametrize("text", ["{", "}", "{a", "a}", "{a}}", "{{a}"])
def test_unbalanced_braces_are_a_fault(text: str) -> None:
    assert "bad placeholder" in (fault_in(text, {"a"}) or "")


def test_an_unknown_name_is_a_fault_that_lists_what_is_allowed() -> None:
    assert fault_in("{amout}", {"currency", "amount"}) == (
        "unknown placeholder {amout}; allowed here: {amount}, {currency}"
    )
    assert fault_in("{a}", ()) == "unknown placeholder {a}; allowed here: none"


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_text_is_a_fault(text: str) -> None:
    assert fault_in(text, {"a"}) == "must not be empty"


def test_a_good_text_has_no_fault() -> None:
    assert fault_in("Pay {amount} {{now}}", {"amount", "currency"}) is None


def test_a_missing_value_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="no value for the placeholder amount"):
        fill("Pay {amount} {currency}", {"currency": "USD"})


def test_doubled_braces_are_single_ones_in_the_filled_text() -> None:
    assert fill("{{{name}}}", {"name": "x"}) == "{x}"


@given(WORDS, WORDS, st.text(max_size=20))
def test_a_value_is_put_in_as_it_is(before: str, after: str, value: str) -> None:
    """Values come from customers: braces in them mean nothing."""
    assert fill(before + "{name}" + after, {"name": value, "unused": "?"}) == before + value + after
