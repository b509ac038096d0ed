"""Every text of the pages is there in every language."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from babel.messages.extract import extract_from_dir

from closure.languages import ENGLISH
from web.browser.languages import LANGUAGES, catalogues
from web.browser.rendering import TEMPLATES

WEB: Final = TEMPLATES.parent
TEXTS: Final = {"_": None, "text": None, "gettext": None, "ngettext": (1, 2)}
"""What is called with a text of a page; `text` is the reader's."""
NO_TEXTS: Final = (WEB / "api",)


def texts() -> Iterator[tuple[str, str]]:
    """Each text, and where it is."""
    found = extract_from_dir(
        WEB,
        method_map=[("**.py", "python"), ("**.html", "jinja2")],
        options_map={"**.html": {"trimmed": "true", "newstyle_gettext": "true"}},
        keywords=TEXTS,
        strip_comment_tags=True,
    )
    for file, line, message, _, _ in found:
        if not any((WEB / file).is_relative_to(each) for each in NO_TEXTS):
            yield (message if isinstance(message, str) else message[0]), f"{Path(file)}:{line}"


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != ENGLISH])
def test_every_text_of_a_page_is_translated(language: str) -> None:
    known = set()
    for catalogue in catalogues(language):
        for each in catalogue:
            known.add(each.id if isinstance(each.id, str) else each.id[0])
    found = list(texts())
    assert len(found) > 100, "the texts are not found any more"
    missing = {text: place for text, place in found if text not in known}
    assert not missing
