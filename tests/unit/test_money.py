from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from closure.money import ListedCurrency, Money, currency_decimals, format_minor, is_currency
from tests.harness.strategies import ALL_CURRENCIES, any_currency

HUGE = st.integers(-(10**40), 10**40)
PARSEABLE = st.integers(-(10**15) + 1, 10**15 - 1)


def exactly(text: str) -> Decimal:
    with localcontext() as context:
        context.prec = 100
        return Decimal(text)


@given(PARSEABLE, any_currency)
def test_what_is_formatted_is_read_back(minor: int, currency: str) -> None:
    amount = Money(minor=minor, currency=currency)
    assert Money.parse(str(amount), currency) == amount


@given(HUGE, any_currency)
def test_a_formatted_amount_has_the_currencys_own_number_of_decimals(minor: int, currency: str) -> None:
    text = format_minor(minor, currency)
    whole, _, decimals = text.partition(".")
    assert len(decimals) == currency_decimals(currency)
    assert whole.removeprefix("-").isdigit()
    assert int(whole + decimals) == minor


@given(HUGE, HUGE, any_currency)
def test_adding_and_subtracting_are_exact(first: int, second: int, currency: str) -> None:
    a, b = Money(minor=first, currency=currency), Money(minor=second, currency=currency)
    with localcontext() as context:
        context.prec = 100
        assert exactly(str(a + b)) == exactly(str(a)) + exactly(str(b))
        assert exactly(str(a - b)) == exactly(str(a)) - exactly(str(b))
    assert a + b - b == a
    assert -a == Money.zero(currency) - a
    assert abs(a) == max(a, -a)


@given(HUGE, HUGE, any_currency)
def test_amounts_are_ordered_as_numbers(first: int, second: int, currency: str) -> None:
    a, b = Money(minor=first, currency=currency), Money(minor=second, currency=currency)
    assert ((a < b), (a <= b), (a == b), (a > b), (a >= b)) == (
        (first < second), (first <= second), (first == second), (first > second), (first >= second),
    )  # fmt: skip


@given(st.text(max_size=12), any_currency)
def test_any_text_is_read_exactly_or_refused(text: str, currency: str) -> None:
    try:
        amount = Money.parse(text, currency)
    except ValueError:
        return
    assert Decimal(text) == Decimal(str(amount))


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("18.20", "USD", 1820),
        ("18.2", "USD", 1820),
        ("18", "USD", 1800),
        ("-0.05", "USD", -5),
        ("-0.00", "USD", 0),
        ("1000", "JPY", 1000),
        ("1000.001", "KWD", 1_000_001),
        ("0.0001", "CLF", 1),
        ("007", "USD", 700),
    ],
)
def test_a_decimal_string_is_read(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency).minor == minor


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1\n", "1.", ".5", "1,00", "1e3", "NaN", "Infinity", "+1", "--1", "0x10", "1_000",
     "1.2.3", "$5", "\u0661\u0662", "\uff11\uff12", "1" * 16],
)  # fmt: skip
def test_anything_but_a_plain_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal amount"):
        Money.parse(text, "USD")


@pytest.mark.parametrize(("text", "currency"), [("1.001", "USD"), ("0.5", "JPY"), ("1.0001", "KWD")])
def test_more_decimals_than_the_currency_has_are_refused(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match="more decimals than"):
        Money.parse(text, currency)


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("JPY", 0), ("KRW", 0), ("CLP", 0), ("XOF", 0), ("USD", 2), ("EUR", 2), ("CNY", 2), ("KWD", 3),
     ("BHD", 3), ("CLF", 4), ("UYW", 4)],
)  # fmt: skip
def test_decimals_are_those_of_iso_4217(currency: str, decimals: int) -> None:
    assert currency_decimals(currency) == decimals


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("IQD", 3), ("AFN", 2), ("ALL", 2), ("IRR", 2), ("KPW", 2), ("LAK", 2), ("LBP", 2), ("MGA", 2),
     ("MMK", 2), ("RSD", 2), ("SOS", 2), ("SYP", 2), ("YER", 2)],
)  # fmt: skip
def test_decimals_that_are_seldom_used_still_count(currency: str, decimals: int) -> None:
    """Locale data leaves them out of prices; a biller's amounts have them."""
    assert currency_decimals(currency) == decimals


@pytest.mark.parametrize("code", ["DEM", "BGN", "ZZZ"])
def test_a_currency_that_is_not_listed_is_refused_in_what_is_new_and_read_where_it_is_stored(
    code: str,
) -> None:
    """Lists move: an account in a currency that was withdrawn since can still be closed."""
    assert not is_currency(code)
    with pytest.raises(ValidationError, match="not an ISO 4217 currency"):
        TypeAdapter(ListedCurrency).validate_python(code)
    stored = Money.model_validate({"minor": 1820, "currency": code})
    assert (str(stored), Money.parse("18.20", code)) == ("18.20", stored)


@pytest.mark.parametrize("code", ["", "US", "usd", "Usd", "USDT", "US1", "€€€", "XAU"])
def test_what_is_no_currency_is_refused(code: str) -> None:
    assert not is_currency(code)
    with pytest.raises(ValueError, match="not an ISO 4217 currency"):
        Money.parse("1", code)


@pytest.mark.parametrize("code", ["XXX", "XTS", "XAU", "XAG", "XPT", "XPD", "XDR", "XSU", "XUA", "XBA"])
def test_codes_without_a_minor_unit_are_no_currencies_to_settle_in(code: str) -> None:
    assert not is_currency(code)


def test_the_currencies_of_the_world_are_known() -> None:
    assert len(ALL_CURRENCIES) > 150
    assert {"USD", "EUR", "JPY", "KWD", "CNY", "SGD", "HKD", "INR"} <= set(ALL_CURRENCIES)


def test_currencies_are_never_mixed() -> None:
    dollars, euros = Money(minor=1, currency="USD"), Money(minor=1, currency="EUR")
    assert dollars != euros
    for combine in (Money.__add__, Money.__sub__, Money.__lt__, Money.__le__):
        with pytest.raises(ValueError, match="cannot combine USD with EUR"):
            combine(dollars, euros)


def test_a_fraction_of_a_minor_unit_is_refused_without_quoting_it() -> None:
    with pytest.raises(ValidationError) as caught:
        Money.model_validate({"minor": 18.25, "currency": "USD"})
    assert "18.25" not in str(caught.value)
