"""The fonts of the certificate's PDF, each embedded only with the characters that are used.

What is in `fonts/` and under which licences is said in `fonts/README.md`.
"""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from fpdf import FPDF
from fpdf.fonts import TTFFont

FAMILY: Final = "Noto Sans"
"""Latin, Greek and Cyrillic; bold has Latin-1, for headings."""
_FOLDER: Final = Path(__file__).parent / "fonts"


class Script(NamedTuple):
    """A font for what the family lacks, and the code points it is loaded for."""

    family: str
    file: str
    ranges: tuple[range, ...]


_SCRIPTS: Final = (
    Script("Noto Sans Arabic", "NotoSansArabic-Regular.ttf", (range(0x600, 0x780),)),
    Script("Noto Sans Hebrew", "NotoSansHebrew-Regular.ttf", (range(0x590, 0x600),)),
    Script("Noto Sans Devanagari", "NotoSansDevanagari-Regular.ttf", (range(0x900, 0x980),)),
    Script("Noto Sans Thai", "NotoSansThai-Regular.ttf", (range(0xE00, 0xE80),)),
    Script(
        *("Droid Sans Fallback", "DroidSansFallback.ttf"),
        (range(0x1100, 0x1200), range(0x2E80, 0xA000), range(0xAC00, 0xD7B0), range(0xF900, 0x10000)),
    ),
)


def add_fonts(pdf: FPDF, text: Iterable[str]) -> frozenset[int]:
    """Gives the document the fonts that the characters of `text` need; the code points that they have."""
    used = {ord(character) for character in text}
    pdf.add_font(FAMILY, fname=_FOLDER / "NotoSans-Regular.ttf")
    pdf.add_font(FAMILY, "B", _FOLDER / "NotoSans-Bold.ttf")
    needed = [each for each in _SCRIPTS if any(used.intersection(codes) for codes in each.ranges)]
    for script in needed:
        pdf.add_font(script.family, fname=_FOLDER / script.file)
    pdf.set_fallback_fonts([FAMILY, *(script.family for script in needed)], exact_match=False)
    if needed:  # joined and in their own direction
        pdf.set_text_shaping(True)
    had = (font.cmap for font in pdf.fonts.values() if isinstance(font, TTFFont))
    return frozenset(used.intersection(chain.from_iterable(had)))
