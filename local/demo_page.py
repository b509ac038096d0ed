"""How `make demo` looks: what happens in sentences, commands below them, and what came of each."""

import shlex
import textwrap
from collections.abc import Iterable

WIDTH = 80
_COMMAND = "  $ "
_CONTINUED = "    "
_RESULT = "    "


class Page:
    """Where a story is told: on the terminal at once, or kept until its turn comes."""

    def __init__(self, *, live: bool) -> None:
        self._kept: list[str] | None = None if live else []

    def heading(self, title: str) -> None:
        self._put(("", heading(title)))

    def prose(self, text: str) -> None:
        """What happens, as one would tell it."""
        self._put(_wrapped(text, ""))

    def command(self, words: Iterable[str], stdin: str = "") -> None:
        """A command as it can be typed; a long one goes on in the next line."""
        typed = [shlex.quote(word) for word in words]
        self._put(typed_lines([*(["echo", shlex.quote(stdin), "|"] if stdin else []), *typed]))

    def result(self, text: str) -> None:
        """What came of it."""
        self._put(_wrapped(text, _RESULT))

    def tell_what_was_kept(self) -> None:
        """Prints it; from then on everything is printed at once."""
        kept, self._kept = self._kept, None
        self._put(kept or ())

    def _put(self, lines: Iterable[str]) -> None:
        if self._kept is not None:
            self._kept.extend(lines)
            return
        for line in lines:
            print(line, flush=True)


def heading(title: str) -> str:
    """The line that a story begins with."""
    return f"── {title} ".ljust(WIDTH, "─")


def typed_lines(words: Iterable[str]) -> list[str]:
    """A shell command in lines of at most `WIDTH` columns."""
    lines, line = [], _COMMAND.rstrip()
    for part in _parts(words):
        if len(line) + len(part) + len("  \\") > WIDTH:
            lines.append(f"{line} \\")
            line = _CONTINUED + part
        else:
            line = f"{line} {part}"
    return [*lines, line]


def _parts(words: Iterable[str]) -> list[str]:
    """The words, an option with its value as one."""
    parts: list[str] = []
    for word in words:
        if parts and parts[-1].startswith("--") and " " not in parts[-1] and not word.startswith("--"):
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + ("  " if indent else ""),
        break_on_hyphens=False,
    )
