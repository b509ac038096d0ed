"""The demo's page: nothing is wider than a terminal, and what it shows as a command is one."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.demo_page import WIDTH, Page, heading, typed_lines

WORDS = st.lists(st.text(alphabet="abc- $\\", min_size=1, max_size=30), min_size=1, max_size=20)


@given(WORDS)
def test_a_shown_command_is_what_was_run_and_fits(words: list[str]) -> None:
    *first, last = typed_lines(shlex.quote(word) for word in words)
    assert all(len(line) <= WIDTH for line in (*first, last))
    assert all(line.endswith(" \\") for line in first), "the shell reads on"
    typed = " ".join((*(line.removesuffix(" \\") for line in first), last))
    assert shlex.split(typed) == ["$", *words]


def test_a_plan_hash_stays_with_its_option_and_within_the_width() -> None:
    lines = typed_lines(["python", "starter.py", "confirm", "a" * 20, "--plan-hash", "0" * 64])
    assert lines[-1] == f"    --plan-hash {'0' * 64}"
    assert max(len(line) for line in lines) == WIDTH


def test_an_option_without_a_value_takes_no_other_option() -> None:
    words = ["a" * 60, "--all", "--accept-risk", "b"]
    assert typed_lines(words) == [f"  $ {'a' * 60} --all \\", "    --accept-risk b"]


def test_long_texts_go_on_in_the_next_line(capsys: pytest.CaptureFixture[str]) -> None:
    page = Page(live=True)
    text = " ".join(["moving"] * 40)
    page.prose(text)
    page.result(text)
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= WIDTH
    assert " ".join(" ".join(lines).split()) == f"{text} {text}"


def test_what_is_kept_is_told_once_and_in_its_order(capsys: pytest.CaptureFixture[str]) -> None:
    page = Page(live=False)
    page.heading("1. A title")
    page.command(["python", "starter.py"], stdin="a secret")
    assert capsys.readouterr().out == ""
    page.tell_what_was_kept()
    page.result("done")
    page.tell_what_was_kept()
    assert capsys.readouterr().out.splitlines() == [
        "",
        heading("1. A title"),
        "  $ echo 'a secret' | python starter.py",
        "    done",
    ]


@pytest.mark.parametrize("title", ["", "1. A title"])
def test_a_heading_is_as_wide_as_the_page(title: str) -> None:
    assert len(heading(title)) == WIDTH
