"""Text fits the terminal, and what is copied from it stays whole."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType

from commandline.layout import bullet_list, facts_table, fitting, whole

WIDTHS = (60, 80, 120)
ID = f"closure-{'0f3c' * 8}"


def lines_of(what: RenderableType, width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(what, crop=False)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", WIDTHS)
@given(words=st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12), max_size=40))
def test_text_wraps_between_words_and_loses_none(width: int, words: list[str]) -> None:
    lines = lines_of(fitting(" ".join(words), indent="    "), width)
    assert all(cell_len(line) <= width for line in lines)
    assert all(line.startswith("    ") for line in lines)
    assert " ".join(lines).split() == words


@pytest.mark.parametrize("width", [10, *WIDTHS])
def test_a_word_that_is_too_long_is_not_broken(width: int) -> None:
    long = "x" * 200
    assert lines_of(fitting(f"before {long} after"), width) == ["before", long, "after"]
    assert lines_of(Group(whole(f"  {long}")), width) == [f"  {long}"]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_command_has_a_line_of_its_own(width: int) -> None:
    command = f"python starter.py certificate {ID} --output {ID}.pdf"
    lines = lines_of(bullet_list("Next", [f"Its certificate, which anybody can verify: {command}"]), width)
    assert f"    {command}" in lines
    assert all(len(line) <= width for line in lines if "python" not in line)


@pytest.mark.parametrize("width", WIDTHS)
def test_facts_stand_in_two_columns(width: int) -> None:
    facts = facts_table([("closure", ID), ("money", "5.00 USD lost"), ("money", "word " * 40)])
    closure, lost, words, *rest = lines_of(facts, width)
    assert closure == f"closure       {ID}"
    assert lost == "money         5.00 USD lost"
    assert words.startswith(" " * 14 + "word"), "a name that comes again is not repeated"
    assert rest or width == 240
    assert all(re.match(r" {14}\S", line) for line in rest)
