"""Money as integer minor units of an ISO 4217 currency; never a float."""

import re
from decimal import Decimal
from functools import cache
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict

_CODE = re.compile(r"[A-Z]{3}")
_DECIMAL_STRING = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")

# ISO 4217's own column of minor units. Locale data differs: it drops decimals that prices seldom show.
_USUAL_DECIMALS = 2
_BY_DECIMALS: dict[int, tuple[str, ...]] = {
    0: (
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"),
        *("VND", "VUV", "XAF", "XOF", "XPF"),
    ),
    3: ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"),
    4: ("CLF", "UYW"),
}
_DECIMALS = {code: decimals for decimals, codes in _BY_DECIMALS.items() for code in codes}
_WITHOUT_MINOR_UNIT = frozenset(
    {"XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"}
)
"""Metals, bond units, drawing rights, test codes and "no currency"."""


@cache
def is_currency(code: str) -> bool:
    """Whether `code` is a currency with minor units in ISO 4217's list of today: for what comes in new."""
    import pycountry  # what is stored is shown without it

    return _CODE.fullmatch(code) is not None and (
        code not in _WITHOUT_MINOR_UNIT and pycountry.currencies.get(alpha_3=code) is not None
    )


@cache
def currency_decimals(code: str) -> int:
    """Decimals of the currency's minor unit: JPY 0, USD 2, KWD 3.

    A currency that the list has withdrawn since (BGN) stays readable where it is stored.

    Raises:
        ValueError: `code` has not the form of an ISO 4217 code, or is one without minor units.
    """
    if _CODE.fullmatch(code) is None or code in _WITHOUT_MINOR_UNIT:
        raise ValueError(f"{code!r} is not an ISO 4217 currency code")
    return _DECIMALS.get(code, _USUAL_DECIMALS)


def _checked_currency(code: str) -> str:
    currency_decimals(code)
    return code


def _listed_currency(code: str) -> str:
    if not is_currency(code):
        raise ValueError(f"{code!r} is not an ISO 4217 currency code")
    return code


Currency = Annotated[str, AfterValidator(_checked_currency)]
"""The code of a currency that is known already, whatever the list says now."""
ListedCurrency = Annotated[str, AfterValidator(_listed_currency)]
"""The code of a currency in something new."""


class Money(BaseModel):
    """An amount in `minor` units (cents, yen, fils) of `currency`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    minor: int
    currency: Currency

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Reads a decimal string such as ``"18.20"``.

        Raises:
            ValueError: not a plain decimal number, or more decimals than the currency has.
        """
        decimals = currency_decimals(currency)
        if not _DECIMAL_STRING.fullmatch(text):
            raise ValueError(f'{text!r} is not a decimal amount such as "12.34"')
        scaled = Decimal(text).scaleb(decimals)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{text!r} has more decimals than {currency} ({decimals})")
        return cls(minor=int(scaled), currency=currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(minor=0, currency=currency)

    def __str__(self) -> str:
        """The decimal string in the currency's own number of decimals, without the code."""
        return format_minor(self.minor, self.currency)

    def __add__(self, other: Self) -> Self:
        return self._with(self.minor + self._same_currency(other))

    def __sub__(self, other: Self) -> Self:
        return self._with(self.minor - self._same_currency(other))

    def __neg__(self) -> Self:
        return self._with(-self.minor)

    def __abs__(self) -> Self:
        return self._with(abs(self.minor))

    def __lt__(self, other: Self) -> bool:
        return self.minor < self._same_currency(other)

    def __le__(self, other: Self) -> bool:
        return self.minor <= self._same_currency(other)

    def _with(self, minor: int) -> Self:
        return type(self)(minor=minor, currency=self.currency)

    def _same_currency(self, other: Self) -> int:
        if other.currency != self.currency:
            raise ValueError(f"cannot combine {self.currency} with {other.currency}")
        return other.minor


def format_minor(minor: int, currency: str) -> str:
    """Minor units as a decimal string: ``format_minor(1820, "USD") == "18.20"``."""
    decimals = currency_decimals(currency)
    if decimals == 0:
        return str(minor)
    sign = "-" if minor < 0 else ""
    # Integers only: decimal arithmetic rounds at its context's precision.
    whole, fraction = divmod(abs(minor), 10**decimals)
    return f"{sign}{whole}.{fraction:0{decimals}d}"
