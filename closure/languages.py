"""Which of several languages a reader gets."""

from collections.abc import Collection
from typing import Final

ENGLISH: Final = "en"
LANGUAGE: Final = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
"""A language tag such as ``en`` or ``zh-CN``."""


def choose_language(available: Collection[str], wanted: str) -> str:
    """The tag to use: the wanted one (``zh-CN``), its language (``zh``), English, or the first there is.

    Raises:
        ValueError: nothing is available.
    """
    spoken = spoken_language(available, wanted) or spoken_language(available, ENGLISH)
    if spoken is None and not available:
        raise ValueError("there is no language to choose from")
    return spoken or next(iter(available))


def spoken_language(available: Collection[str], wanted: str) -> str | None:
    """The available tag that serves who wants `wanted`: that one, or its language; None without either."""
    by_lower_case = {tag.lower(): tag for tag in available}
    tag = wanted.lower()
    return by_lower_case.get(tag) or by_lower_case.get(tag.split("-")[0])
