"""Text from outside as people may see it: in terminals, messages and the Web UI."""

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs"})
"""Control, format (bidirectional overrides) and surrogate characters."""


def printable(text: str) -> str:
    """`text` without what could move a terminal's cursor, change its colours or reorder its line.

    Line breaks stay.
    """
    if text.replace("\n", "").isprintable():  # nearly every text, at a fiftieth of the time
        return text
    return "".join(character for character in text if not is_unseen(character))


def is_unseen(character: str) -> bool:
    """Whether `printable` leaves the character out."""
    return character != "\n" and unicodedata.category(character) in _UNSEEN
