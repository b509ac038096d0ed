"""How text is laid out: it wraps between words, while ids and commands stay whole, however narrow it is.

Everything that came from outside passes `plain`: it can neither style the text nor move the cursor.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from commandline.commands import STARTER
from commandline.terminal import plain

_WORDS: Final = re.compile(r"\S+\s*")
NAME_WIDTH: Final = 14
"""Of the names in front of facts: a hash of 64 digits fits behind one."""
NARROWEST: Final = 20
"""Text is never wrapped to fewer columns than these."""


@dataclass(frozen=True)
class Fitting:
    """Text after `first`, wrapped to the terminal's width with `rest` before the lines that follow."""

    text: Text
    first: Text
    rest: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(NARROWEST, options.max_width - cell_len(self.rest))
        for number, line in enumerate(self.text.divide(_breaks(self.text.plain, width))):
            line.rstrip()
            yield whole(Text.assemble(self.rest if number else self.first, line))


def _breaks(text: str, width: int) -> list[int]:
    """Where lines of at most so many columns begin; a word that is longer has one of its own."""
    breaks, used = [], 0
    for word in _WORDS.finditer(text):
        if used and used + cell_len(word[0].rstrip()) > width:
            breaks.append(word.start())
            used = 0
        used += cell_len(word[0])
    return breaks


def fitting(text: str | Text, *, indent: str = "") -> RenderableType:
    """Text wrapped between its words, all lines indented alike."""
    return Fitting(plain(text) if isinstance(text, str) else text, Text(indent), indent)


def whole(text: str | Text) -> Text:
    """A line that is neither cut nor broken by us: a terminal that is too narrow for it wraps it itself."""
    line = plain(text) if isinstance(text, str) else text
    line.no_wrap, line.overflow = True, "ignore"
    return line


def heading(title: str) -> Text:
    """What stands over a part of an answer."""
    return Text(f"\n{title}", style="bold")


def bullet_list(title: str, lines: Iterable[str]) -> RenderableType:
    """A heading and its points; a command at the end of one gets a line of its own, to be copied."""
    parts: list[RenderableType] = [heading(title)]
    for line in lines:
        said, found, words = line.replace("\n", " ").partition(f": {STARTER} ")
        parts.append(Fitting(plain(f"{said}:" if found else said), Text("  • "), "    "))
        if found:
            parts.append(whole(f"    {STARTER} {words}"))
    return Group(*parts)


def facts_table(rows: Iterable[tuple[str, str | Text]]) -> RenderableType:
    """Names and values in two columns, without a frame; a name that comes again is not repeated."""
    facts = tuple(rows)
    width = max([NAME_WIDTH, *(cell_len(name) + 2 for name, _ in facts)])
    names = [name for name, _ in facts]
    return Group(
        *(
            _fact("" if number and names[number - 1] == name else name, value, width)
            for number, (name, value) in enumerate(facts)
        )
    )


def _fact(name: str, value: str | Text, width: int) -> RenderableType:
    text = plain(value) if isinstance(value, str) else value
    return Fitting(text, Text(name.ljust(width), style="bold"), " " * width)


def money_text(amount: str | None, currency: str | None) -> str:
    return f"{amount} {currency}" if amount is not None and currency else ""
