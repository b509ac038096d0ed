"""The status document as a person reads it in a terminal."""

import io

import pytest
from rich.console import Console

from closure.lifecycle import UNCONFIRMED, Stage
from closure.messages import ItemCategory, StatusDocument
from commandline.following import ShortView
from commandline.layout import money_text
from commandline.rendering import stage_style, status_text
from commandline.terminal import console
from tests.harness.strategies import NOW
from tests.unit.examples import item, status


def shown(document: StatusDocument, progress: str = "", width: int = 160) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(
        status_text(document, progress=progress), crop=False
    )
    return stream.getvalue()


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_is_told_with_what_comes_next(stage: Stage) -> None:
    text = shown(status(stage=stage))
    assert "ali-1  (alibaba-cloud)" in text
    assert "c-1" in text
    assert "\nNext\n" in text


def test_what_is_given_up_is_counted_beyond_the_first_page() -> None:
    some = [item(f"resources/i-{number}", renounced=True) for number in range(3)]
    text = shown(status(stage="ready", survey_number=1, checklist=some, item_count=3_000, pages=15))
    assert "3000 of the items" in text
    said = " ".join(text.split())
    assert "3000 items in all; the next of them: python starter.py status ali-1 --items --page 2" in said


def test_a15_the_checklist_comes_in_categories_with_instructions() -> None:
    text = shown(
        status(
            stage="blocked",
            survey_number=2,
            blocking=3,
            item_count=4,
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
        text.index(title)
        for title in ("Must be handled elsewhere (1)", "Can be given up here (1)", "Unknown:")
    )
    assert manual < text.index("Pay it.") < renounceable < text.index("5.00 USD") < unknown
    assert "Discard it." in text
    assert unknown < text.index("Given up (1)") < text.index("promo")
    assert "2 times: 4 items, 3 blocking" in text


@pytest.mark.parametrize("stage", list(Stage))
def test_nobody_is_told_how_to_handle_what_the_closure_looks_at_no_more(stage: Stage) -> None:
    checklist = [
        item("unpaid-bills/b-1", title="A bill", how_to="Pay it."),
        item("balance", ItemCategory.RENOUNCEABLE, title="A balance", how_to="Select it here."),
        item("resources/i-1", ItemCategory.RENOUNCEABLE, title="An instance", renounced=True),
    ]
    text = shown(status(stage=stage, survey_number=1, item_count=3, checklist=checklist))
    is_asked = stage in UNCONFIRMED
    for instruction in ("Pay it.", "Select it here.", "Must be handled", "Can be given up"):
        assert (instruction in text) is is_asked, instruction
    assert all(each in text for each in ("A bill", "A balance", "An instance")) is (
        stage is not Stage.DELETED
    )


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


def test_a_refund_the_web_address_and_the_progress_are_shown() -> None:
    refund = {"status": "pending", "amount": "200.00", "currency": "USD", "due_by": NOW}
    url = "http://127.0.0.1:8233/namespaces/default/workflows/closure%2Fx/run/history" + "x" * 200
    text = shown(status(stage="retained", refund=refund, web_url=url), progress="read: billing")
    assert "200.00 USD: pending, due by 2026-11-24 12:00:00 UTC" in text
    assert url in text, "an address is not wrapped: it can be clicked and copied"
    assert "read: billing" in text


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
        progress=hostile,
    )
    assert not set(text) & {"\x1b", "\x9b", "\x07", "\u202e"}
    if hostile.startswith("["):
        assert hostile in text


def test_money_is_shown_with_its_currency_or_not_at_all() -> None:
    assert money_text("5.00", "USD") == "5.00 USD"
    assert money_text(None, None) == money_text("5.00", None) == money_text(None, "USD") == ""


LONG_ID = f"closure-{'0f3c' * 8}"
REFUND = {
    "status": "late",
    "amount": "200.00",
    "settled": "150.00",
    "failed": "50.00",
    "currency": "USD",
    "due_by": NOW,
}


def everything() -> StatusDocument:
    """One of each thing that a status can say."""
    return status(
        closure_id=LONG_ID,
        stage="retained",
        plan_hash="a" * 64,
        opened_at=NOW,
        confirmed_at=NOW,
        delete_after=NOW,
        deadline={"what": "data_is_deleted", "at": NOW},
        remaining_seconds=62,
        waiting_for={"reason": "refund_failed", "since": NOW, "detail": "50.00 USD"},
        money={"currency": "USD", "forfeited_promo": "20.00"},
        refund=REFUND,
        unrecoverable=["promo"],
        checklist=[item("balance", ItemCategory.RENOUNCEABLE, how_to="Discard it. " * 30)],
        web_url=f"http://127.0.0.1/{'x' * 100}",
    )


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_status_fits_the_terminal_and_keeps_its_ids_whole(width: int) -> None:
    text = shown(everything(), width=width)
    assert LONG_ID in text
    assert f"plan hash     {'a' * 64}\n" in text
    lines = text.splitlines()
    uncut = ("plan hash", "web UI", "    python starter.py")
    assert not [line for line in lines if len(line) > width and not line.startswith(uncut)]


def test_a_status_says_why_it_waits_since_when_and_what_happens_next() -> None:
    text = shown(everything())
    assert "retained: stopped: the data is kept" in text, "the name that `list --stage` takes"
    assert "pay it another way: 50.00 USD, since 2026-11-24 12:00:00 UTC" in text
    assert "2026-11-24 12:00:00 UTC (in 1 min 2 s): the data is deleted" in text
    assert "20.00 USD promotional balance lost" in text
    assert "200.00 USD: late, due by 2026-11-24 12:00:00 UTC; 150.00 USD arrived; 50.00 USD failed" in text


def test_a_step_that_keeps_failing_is_told_with_its_number_and_its_error() -> None:
    waiting = {"reason": "failing", "since": NOW, "detail": "enter: OperationalError", "attempts": 11}
    text = shown(status(stage="entering", waiting_for=waiting))
    assert "a step that has failed 11 times: enter: OperationalError, since 2026-11-24 12:00:00 UTC" in text
    once = shown(status(stage="entering", waiting_for={**waiting, "attempts": 1}))
    assert "a step that has failed once" in once


def test_one_that_no_worker_has_answered_is_told_as_that() -> None:
    waiting = {"reason": "no_answer", "since": NOW}
    text = shown(status(stage="opened", standing="unanswered", waiting_for=waiting))
    assert "started; no worker has answered yet" in text
    assert "a worker, since 2026-11-24" in text
    lapsed = shown(status(stage="opened", standing="unanswered", outcome_reason="nothing came of it"))
    assert "in vain" in lapsed
    assert "no worker has answered yet" not in lapsed


def test_money_is_told_as_what_would_be_before_it_moves_and_as_what_was_after() -> None:
    money = {"currency": "USD", "forfeited_cash": "5.00", "voided_debt": "1.00", "refund": "2.00"}
    before = shown(status(stage="ready", money=money))
    for said in (
        "5.00 USD cash balance to be forfeited",
        "1.00 USD debt to be voided",
        "2.00 USD to be refunded",
    ):
        assert said in before
    after = shown(status(stage="silent", money=money, refund=REFUND))
    assert "5.00 USD cash balance forfeited" in after
    assert "to be refunded" not in after, "the refund tells that itself"


def test_a_long_checklist_says_which_page_this_is() -> None:
    text = shown(status(stage="blocked", checklist=[item()], page=2, pages=3, item_count=401))
    assert "page 2 of 3, 401 in all" in text
    assert " status ali-1 --items --page 3" in text


def test_colours_mean_something_and_blocked_does_not_look_like_deleted() -> None:
    colours = {stage: stage_style(stage) for stage in Stage}
    assert len({colours[stage] for stage in (Stage.BLOCKED, Stage.READY, Stage.SILENT, Stage.DELETED)}) == 4
    assert all(colours.values()) is False, "what goes on by itself has none"
    assert stage_style("a word of somebody") == ""


@pytest.mark.parametrize("height", [3, 5, 10, 24])
def test_what_is_watched_fits_a_short_terminal(height: int) -> None:
    items = [item(f"unpaid-bills/{number}", amount="5.00", currency="USD") for number in range(40)]
    document = status(
        stage="blocked",
        checklist=items,
        deadline={"what": "draft_expires", "at": NOW},
        remaining_seconds=59,
    )
    stream = io.StringIO()
    console = Console(file=stream, width=80, height=height, color_system=None)
    console.print(ShortView(document, ""))
    lines = stream.getvalue().splitlines()
    assert len(lines) == max(3, height - 1)
    assert all(len(line) <= 80 for line in lines)
    assert "blocked: something must be handled first" in lines[0]
    assert lines[1].endswith(" (in 59 s)")
    assert height < 5 or "then: the draft expires" in lines[2]
    assert "more lines" in lines[-1]


def test_all_that_is_watched_is_shown_where_it_fits() -> None:
    stream = io.StringIO()
    Console(file=stream, width=80, height=24, color_system=None).print(
        ShortView(status(stage="blocked", checklist=[item(), item("thing/2")]), "")
    )
    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines[-2:]] == ["thing/1", "thing/2"]
    assert "more lines" not in stream.getvalue()


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1"}, False),
    ],
    ids=str,
)
def test_no_colour_goes_into_a_pipe_or_past_no_color(
    environment: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    console().print(status_text(everything()), crop=False)
    assert ("\x1b[1;35m" in capsys.readouterr().out) is coloured


def test_a_pipe_is_as_wide_as_columns_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "72")
    assert console().width == 72
    monkeypatch.setenv("COLUMNS", "many")
    assert console().width == 160
