"""What a person reads of a closure in the Temporal Web UI."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.lifecycle import Stage
from closure.messages import ItemCategory
from tests.unit.examples import item, status
from tests.unit.strategies import NOW
from workflows.presentation import current_details, escaped

HASH = "0123456789abcdef" * 4


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_has_a_heading_and_a_story(stage: Stage) -> None:
    lines = current_details(status(stage=stage), None, None).splitlines()
    assert lines[0] == f"### {stage.value.replace('_', ' ').capitalize()}"
    assert lines[2].endswith(".")
    assert lines[-1] == "Policy alibaba-cloud, version 2026-11-01 · survey 0"


def test_a_deadline_a_reason_and_what_is_waited_for_are_shown() -> None:
    text = current_details(status(stage="final_check", outcome_reason="owed"), NOW, "billing")
    assert "**Deadline:** 2026-11-24 12:00:00 UTC" in text
    assert "**Reason:** owed" in text
    assert "**Waiting:** billing" in text
    assert "**Next:**" in text


def test_a15_items_are_shown_with_their_category_and_instructions() -> None:
    checklist = [
        item("unpaid-bills/b-1", title="A bill", how_to="Pay it."),
        item("balance", ItemCategory.RENOUNCEABLE),
        item("promo", ItemCategory.RENOUNCEABLE, renounced=True),
        item("unknown/billing", ItemCategory.UNKNOWN),
    ]
    text = current_details(status(stage="blocked", checklist=checklist), None, None)
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    marks = [row.split("|")[1].strip() for row in rows]
    assert marks == ["manual", "renounceable", "given up", "unknown"]
    assert "A bill | Pay it. |" in rows[0]


def test_the_plan_hash_is_shown_when_it_is_needed() -> None:
    assert f"`{HASH}`" in current_details(status(stage="ready", plan_hash=HASH), None, None)
    assert HASH not in current_details(status(stage="silent", plan_hash=HASH), None, None)


def test_a26_what_cannot_come_back_is_shown() -> None:
    text = current_details(status(stage="restored", unrecoverable=["balance", "promo"]), None, None)
    assert "**Can't come back:** balance, promo" in text


def test_a_closure_of_a_hundred_thousand_things_stays_readable() -> None:
    many = status(
        stage="blocked",
        checklist=[item(f"resources/i-{number}") for number in range(1_000)],
        unrecoverable=[f"resources/i-{number}" for number in range(100_000)],
    )
    text = current_details(many, None, None)
    assert len(text) < 20_000
    assert "… and 950 more" in text
    assert "and 99950 more" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a*b*", r"a\*b\*"),
        ("a|b", r"a\|b"),
        ("[x](http://evil)", r"\[x\](http://evil)"),
        ("<script>", r"\<script\>"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
        ("two\nlines\r\n# three", r"two lines \# three"),
        ("`code`", r"\`code\`"),
        ("back\\slash", r"back\\slash"),
        ("\x1b[31mred\x9b0m \u202ekcab\u2066", r"\[31mred0m kcab"),
    ],
)
def test_text_from_outside_is_no_markup(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_id_or_text_can_break_the_table(item_id: str, title: str) -> None:
    document = status(stage="blocked", checklist=[item(item_id, title=title)])
    text = current_details(document, None, None)
    (row,) = [line for line in text.split("\n") if line.startswith("| manual |")]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 4


def test_an_id_is_shown_as_it_is() -> None:
    """Within a code span a backslash would be shown too."""
    text = current_details(status(stage="blocked", checklist=[item("resources/i_1`x`")]), None, None)
    assert r"resources/i\_1\`x\`" in text
    assert "`resources" not in text
