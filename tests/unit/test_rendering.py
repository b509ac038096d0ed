"""The status document as a person reads it in a terminal."""

import io

import pytest
from rich.console import Console

from closure.lifecycle import Stage
from closure.messages import ItemCategory, StatusDocument
from commandline.rendering import money_text, status_text
from tests.unit.examples import item, status
from tests.unit.strategies import NOW


def shown(document: StatusDocument, note: str = "") -> str:
    stream = io.StringIO()
    Console(file=stream, width=160, color_system=None).print(status_text(document, note=note), crop=False)
    return stream.getvalue()


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_is_told_with_what_comes_next(stage: Stage) -> None:
    text = shown(status(stage=stage))
    assert "ali-1  (alibaba-cloud)" in text
    assert "c-1" in text
    assert "\nNext\n" in text


def test_a15_the_checklist_comes_in_categories_with_instructions() -> None:
    text = shown(
        status(
            stage="blocked",
            survey_number=2,
            checklist=[
                item(
                    "balance", ItemCategory.RENOUNCEABLE, amount="5.00", currency="USD", how_to="Discard it."
                ),
                item("promo", ItemCategory.RENOUNCEABLE, renounced=True),
                item("unpaid-bills/b-1", title="A bill", how_to="Pay it."),
                item("unknown/billing", ItemCategory.UNKNOWN),
            ],
        )
    )
    manual, renounceable, unknown = (
        text.index(title) for title in ("Must be handled manually", "Renounceable:", "Unknown:")
    )
    assert manual < text.index("Pay it.") < renounceable < text.index("5.00 USD") < unknown
    assert "Discard it." in text
    assert "given up" in text
    assert "number 2: 3 blocking" in text


def test_a5_advice_is_shown_before_confirm_and_not_after() -> None:
    assert "Export your bills." in shown(status(stage="ready", advice=["Export your bills."]))
    assert "Export your bills." not in shown(status(stage="silent", advice=["Export your bills."]))


def test_a20_times_and_the_remaining_time_are_shown() -> None:
    text = shown(status(stage="silent", confirmed_at=NOW, silent_until=NOW, remaining_seconds=90_000))
    assert "1 day 1 h" in text
    assert text.count("2026-11-24 12:00:00 UTC") >= 2


def test_a23_a_26_a_restored_closure_says_why_and_what_is_gone() -> None:
    text = shown(
        status(
            stage="restored",
            outcome="restored",
            outcome_reason="newly owed",
            checklist=[item("unpaid-bills/b-9")],
            unrecoverable=["balance", "resources/i-1"],
            restart_advice="Pay first.",
        )
    )
    for part in ("newly owed", "unpaid-bills/b-9", "Can't come back", "resources/i-1", "Pay first."):
        assert part in text


def test_a_refund_the_web_address_and_the_source_are_shown() -> None:
    refund = {"status": "pending", "amount": "200.00", "currency": "USD", "due_by": NOW}
    url = "http://127.0.0.1:8233/namespaces/default/workflows/closure%2Fx/run/history" + "x" * 200
    text = shown(status(stage="retained", refund=refund, web_url=url), note="the record")
    assert "200.00 USD: pending, due by 2026-11-24 12:00:00 UTC" in text
    assert url in text, "an address is not wrapped: it can be clicked and copied"
    assert "the record" in text


@pytest.mark.parametrize(
    "hostile", ["\x1b[31mred\x1b[0m", "\x9b2J", "a\x07b", "\u202eabc", "[red]x[/red]", "[/]"]
)
def test_what_comes_from_outside_can_neither_style_nor_break_the_text(hostile: str) -> None:
    text = shown(
        status(
            stage="blocked",
            outcome_reason=hostile,
            account_id=f"a{hostile}",
            advice=[hostile],
            unrecoverable=[hostile],
            checklist=[item(f"i{hostile}", title=hostile, how_to=hostile)],
        ),
        note=hostile,
    )
    assert not set(text) & {"\x1b", "\x9b", "\x07", "\u202e"}
    if hostile.startswith("["):
        assert hostile in text


def test_money_is_shown_with_its_currency_or_not_at_all() -> None:
    assert money_text("5.00", "USD") == "5.00 USD"
    assert money_text(None, None) == money_text("5.00", None) == money_text(None, "USD") == ""
