"""Everything that customers read on pages is there in every language that pages have."""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from jinja2.ext import babel_extract

from web.browser.languages import LANGUAGES, catalogues, reader_of
from web.browser.refusals import SENTENCES
from web.browser.rendering import TEMPLATES
from web.customer.checklist import NAMES_OF_KINDS
from web.customer.plan_view import WHAT_BECOMES
from web.customer.ways import Step

OPTIONS = {"extensions": "jinja2.ext.i18n", "trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
ROOMS = ("customer", "base.html", "fault.html")
TABLES = (
    *SENTENCES.values(),
    *(each.value for each in Step),
    *NAMES_OF_KINDS.values(),
    *WHAT_BECOMES.values(),
)


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_no_sentence_is_left_in_english(language: str) -> None:
    known = {first_of(message.id) for catalogue in catalogues(language) for message in catalogue}
    said = {*in_templates(), *in_code(), *TABLES}
    assert len(said) > 100
    assert sorted(said - known) == []


@pytest.mark.parametrize(
    ("seconds", "said"), [(40, "40 秒钟"), (300, "5 分钟"), (7_200, "2 小时"), (2_592_000, "30 天")]
)
def test_chinese_durations_are_written_like_the_numbers_of_all_chinese_texts(seconds: int, said: str) -> None:
    assert reader_of("zh").duration(timedelta(seconds=seconds)) == said


def test_chinese_texts_have_a_blank_between_words_and_numbers() -> None:
    texts = [str(message.string) for catalogue in catalogues("zh") for message in catalogue]
    run_together = re.compile(
        r"[\u4e00-\u9fff](%\((time|wait|number|days)\)s|\d)|(%\(number\)s|\d)[\u4e00-\u9fff]"
    )
    assert [each for each in texts if run_together.search(each)] == []


def in_templates() -> Iterator[str]:
    for room in ROOMS:
        path = TEMPLATES / room
        for file in path.rglob("*.html") if path.is_dir() else [path]:
            with file.open("rb") as opened:
                for _, _, message, _ in babel_extract(opened, ("_", "gettext", "ngettext"), [], OPTIONS):
                    yield first_of(message)


def in_code() -> Iterator[str]:
    """What is passed to `Reader.text` as it stands."""
    for file in (TEMPLATES.parent / "customer").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and "text" in (
                getattr(node.func, "attr", ""),
                getattr(node.func, "id", ""),
            ):
                yield from (
                    each.value
                    for each in ast.walk(node.args[0])
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                )


def first_of(message: object) -> str:
    """Of a message in singular and plural the singular, by which it is looked up."""
    return str(message[0]) if isinstance(message, (tuple, list)) else str(message)
