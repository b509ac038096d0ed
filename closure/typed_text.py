"""Texts that a person has to type: in which form they are compared, and shown."""

import unicodedata

from closure.visible_text import is_unseen


def as_compared(text: str) -> str:
    """The text without what nobody sees: the same letters however composed, one blank for any white space.

    Capitals stay what they are.
    """
    seen = "".join(character for character in text if character.isspace() or not is_unseen(character))
    return " ".join(unicodedata.normalize("NFC", seen).split())
