"""In which languages and on what people read the pages.

Each path is clicked through by two readers, who have both languages and both sizes between them. Paths
that are read by day and by night have every pair of language, size and theme between them.
"""

from dataclasses import dataclass

import pytest

from tests.browser.site import Device


@dataclass(frozen=True)
class Reading:
    """One person's language, window and theme."""

    language: str
    device: Device
    dark: bool = False

    def __str__(self) -> str:
        return f"{self.device.name.lower()}-{self.language}{'-dark' if self.dark else ''}"


READINGS = pytest.mark.parametrize(
    "reading", [Reading("en", Device.DESKTOP), Reading("zh", Device.PHONE)], ids=str
)
NIGHT_READINGS = pytest.mark.parametrize(
    "reading", [Reading("zh", Device.DESKTOP, dark=True), Reading("en", Device.PHONE, dark=True)], ids=str
)
