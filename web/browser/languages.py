"""The languages of the pages: English in the templates, others as gettext catalogues in `web/locale`.

Catalogues are read as the translators write them (``*.po``); there is no step that compiles them.
"""

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final, Literal

from babel import Locale
from babel.dates import format_date, format_datetime, format_interval, format_timedelta
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from starlette.requests import Request

from closure.languages import ENGLISH, spoken_language
from closure.money import currency_decimals

LOCALES: Final = Path(__file__).resolve().parent.parent / "locale"
LANGUAGES: Final[Mapping[str, str]] = {ENGLISH: "English", "zh": "中文"}
"""Each by its own name."""
_Unit = Literal["day", "hour", "minute", "second"]
_UNITS: Final[Mapping[_Unit, timedelta]] = {
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
}
_NUMBER_AND_UNIT: Final = re.compile(r"(\d)([\u4e00-\u9fff])")
"""Chinese texts here, policies' as ours, have a blank between them; Babel has none."""
_BABEL: Final = {ENGLISH: "en", "zh": "zh_Hans"}


@dataclass(frozen=True)
class Reader:
    """How the reader of a page writes: words, times, money."""

    language: str
    translations: NullTranslations
    locale: Locale

    def text(self, message: str, **values: object) -> str:
        """The message in the reader's language; `%(name)s` stands for a value."""
        translated = self.translations.gettext(message)
        return translated % values if values else translated

    def moment(self, moment: datetime) -> str:
        """Date and time in UTC, which is said; a script shows it in the reader's own zone."""
        said = format_datetime(moment.astimezone(UTC), "d MMMM y HH:mm", locale=self.locale)
        if self.language == "zh":
            said = format_datetime(moment.astimezone(UTC), "y年M月d日 HH:mm", locale=self.locale)
        return f"{said} UTC"

    def date(self, moment: datetime) -> str:
        """The day, in UTC."""
        return format_date(moment.astimezone(UTC), "long", locale=self.locale)

    def days(self, first: datetime, last: datetime) -> str:
        """From day to day, in UTC, such as 9 to 24 December 2026; one day where both are the same."""
        return format_interval(first.astimezone(UTC), last.astimezone(UTC), "yMMMd", locale=self.locale)

    def duration(self, duration: timedelta) -> str:
        """In days where it is at least one, else hours, minutes, seconds: never 4 weeks for 30 days."""
        unit: _Unit = next((name for name, one in _UNITS.items() if duration >= one), "second")
        said = format_timedelta(duration, granularity=unit, threshold=math.inf, locale=self.locale)
        return _NUMBER_AND_UNIT.sub(r"\1 \2", said)

    def money(self, amount: str, currency: str) -> str:
        """An amount of decimal digits, with its currency's code as everywhere else: 1,234.50 USD."""
        decimals = currency_decimals(currency)
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return f"{format_decimal(Decimal(amount), pattern, locale=self.locale)} {currency}"

    def count(self, number: int) -> str:
        """Digits in groups: 10,000."""
        return format_decimal(number, locale=self.locale)


@cache
def reader_of(language: str) -> Reader:
    """The reader of one of `LANGUAGES`."""
    return Reader(language, _translations(language), Locale.parse(_BABEL[language]))


def language_of(request: Request, chosen: str | None = None) -> str:
    """The language to answer in: the one chosen, else what the browser asks for, else English."""
    wanted = [*([chosen] if chosen else []), *_accepted(request.headers.get("accept-language", ""))]
    for each in wanted:
        known = spoken_language(LANGUAGES, each)
        if known is not None:
            return known
    return ENGLISH


def catalogues(language: str) -> Sequence[Catalog]:
    """What translators have written, file by file; each room of pages has one of its own."""
    found = []
    for file in sorted((LOCALES / language).glob("*.po")):
        with file.open("rb") as opened:
            found.append(read_po(opened, locale=_BABEL[language]))
    return found


def _translations(language: str) -> NullTranslations:
    if language == ENGLISH:
        return NullTranslations()
    merged = Catalog(locale=_BABEL[language])
    for each in catalogues(language):
        for message in each:
            if message.id:
                merged[message.id] = message
    compiled = io.BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return GNUTranslations(compiled)


def _accepted(header: str) -> list[str]:
    """The tags of an `Accept-Language` header, those wanted most first."""
    weighed = []
    for part in header[:1000].split(","):
        tag, _, weight = part.partition(";")
        try:
            weighed.append((float(weight.strip().removeprefix("q=") or 1), tag.strip()))
        except ValueError:
            continue
    return [tag for _, tag in sorted(weighed, key=lambda each: -each[0]) if tag]
