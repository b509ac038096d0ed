"""What staff read is there in every language, and says what the audit and the stages mean."""

import ast
import inspect
from collections.abc import Iterable, Mapping
from functools import partial

import pytest
from pydantic import JsonValue

from client.standing import LAPSED
from closure.event_sentences import LISTED_AT_MOST, SENTENCES, facts_of
from closure.events import EVENTS, EventType, HandedDue, NamedStore, StoreEvidence
from closure.lifecycle import Mode, Stage
from closure.messages import RefundState, RefundStatus, WaitingFor
from closure.policy import MessageTemplate
from closure.stage_texts import DEADLINES, STORY
from closure.transitions import GOES_WITH_OWNER, NOT_CONFIRMED
from closure.turn_messages import MESSAGE_OF
from closure.waiting import WAITING_TEXTS, WaitingReason
from records import chain, rows
from records.entries import AuditTrail, ChainFault
from web.browser.languages import LANGUAGES, Reader, reader_of
from web.staff.closure_page import DONE, Done
from web.staff.tabs import MEANINGS, TITLES, Tab
from web.staff.timeline import chain_of
from web.staff.words import (
    WORDS_OF_FIELDS,
    Tone,
    field_text,
    refund_badge,
    rest_text,
    say_moment,
    stage_badge,
    waiting_text,
)

ENGLISH, CHINESE = reader_of("en"), reader_of("zh")

_NESTED = (HandedDue, NamedStore, StoreEvidence)


def words_of_events() -> Iterable[str]:
    """What the fields of events are called."""
    for model in EVENTS.values():
        yield from (name for name, _ in facts_of(dict.fromkeys(model.model_fields, 1), say_moment))


def reasons_of_breaks() -> Iterable[str]:
    """Why the record says that a chain breaks, with `%s` for what it puts in."""
    for module in (chain, rows):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            is_link = isinstance(node, ast.FunctionDef) and node.name == "_link_fault"
            is_fault = isinstance(node, ast.Call) and ast.unparse(node.func) == "ChainFault"
            is_reason = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "reason"
            if is_link or is_fault or is_reason:
                yield from sentences_in(node)


def sentences_in(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.JoinedStr):
        parts = (str(each.value) if isinstance(each, ast.Constant) else "%s" for each in node.values)
        yield "".join(parts)
    elif isinstance(node, ast.Constant):
        yield from [node.value] if isinstance(node.value, str) else []
    else:
        for each in ast.iter_child_nodes(node):
            yield from sentences_in(each)


TEXTS: Mapping[str, Iterable[str]] = {
    "tabs": [*TITLES.values(), *MEANINGS.values()],
    "done": DONE.values(),
    "stages": [*STORY.values(), *(each.value.replace("_", " ") for each in Stage)],
    "modes": [each.value for each in Mode],
    "deadlines": DEADLINES.values(),
    "waits": WAITING_TEXTS.values(),
    "audit": [*SENTENCES.values(), *words_of_events()],
    "fields": [
        *(word.replace("_", " ") for words in WORDS_OF_FIELDS.values() for word in words),
        *(name.replace("_", " ") for each in _NESTED for name in each.model_fields),
    ],
    "breaks": [*reasons_of_breaks()],
    "reasons": [GOES_WITH_OWNER, LAPSED, NOT_CONFIRMED],
    "refunds": [each.value.replace("_", " ") for each in RefundState],
}


@pytest.mark.parametrize("kind", TEXTS)
def test_everything_is_said_in_every_language(kind: str) -> None:
    for language in LANGUAGES:
        if language != "en":
            reader = reader_of(language)
            untranslated = [text for text in TEXTS[kind] if reader.text(text) == text]
            assert not untranslated


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        (ENGLISH, "The chain breaks at event 7: the closure has 9 events recorded, 6 are there"),
        (CHINESE, "链在第 7 个事件处断裂：申请记录有 9 个事件，实际只有 6 个"),
    ],
    ids=["en", "zh"],
)
def test_where_and_why_a_chain_breaks_is_said_with_its_numbers(reader: Reader, said: str) -> None:
    fault = ChainFault(sequence=7, reason="the closure has 9 events recorded, 6 are there")
    trail = AuditTrail(closure_id="closure-1", account_id="acct-1", events=(), fault=fault, unreadable=0)
    assert chain_of(reader, trail).said == said


def test_how_many_more_there_are_is_said_in_the_reader_s_language() -> None:
    items: dict[str, JsonValue] = {"items": [f"i-{number}" for number in range(LISTED_AT_MOST + 1_200)]}
    for reader, said in ((ENGLISH, "and 1,200 more"), (CHINESE, "另有 1,200 项")):
        ((_, listed),) = facts_of(items, say_moment, partial(field_text, reader), partial(rest_text, reader))
        assert listed.endswith(f"; {said}")


def test_nothing_is_forgotten() -> None:
    assert set(TITLES) == set(MEANINGS) == set(Tab)
    assert set(DONE) == set(Done)
    assert set(STORY) == set(Stage)
    no_turns = {MessageTemplate.IDENTITY_CODE}
    assert set(MESSAGE_OF.values()) == set(MessageTemplate) - no_turns
    assert set(MESSAGE_OF) < set(EventType)


def test_a_step_that_fails_is_named_and_a_reason_is_a_sentence() -> None:
    failing = WaitingFor(reason="failing", detail="enter: SourceDown", attempts=3)
    assert waiting_text(ENGLISH, failing) == "a step that has failed, attempts so far: 3: enter: SourceDown"
    held = WaitingFor(reason=WaitingReason.LEGAL_HOLD.value, detail="court\u202e order")
    assert waiting_text(ENGLISH, held) == "the account is under legal hold: court order"
    found = WaitingReason.FOUND_STOPPED
    said = WaitingFor(reason=found.value, detail=WAITING_TEXTS[found])
    assert waiting_text(ENGLISH, said) == WAITING_TEXTS[found]
    assert waiting_text(ENGLISH, WaitingFor(reason="of tomorrow")) == "of tomorrow"


@pytest.mark.parametrize(
    ("status", "tone"),
    [
        (RefundState.PENDING, Tone.PLAIN),
        (RefundState.SETTLED, Tone.GOOD),
        (RefundState.FAILED, Tone.BAD),
        (RefundState.LATE, Tone.BAD),
    ],
)
def test_a_refund_that_needs_somebody_looks_so(status: RefundState, tone: Tone) -> None:
    refund = RefundStatus.model_validate(
        {"status": status, "amount": "1234.50", "currency": "USD", "due_by": "2026-12-01T00:00:00Z"}
    )
    badge = refund_badge(ENGLISH, refund)
    assert (badge.text, badge.tone) == (f"1,234.50 USD {status.value}", tone)


def test_a_word_that_is_no_stage_stands_out() -> None:
    assert stage_badge(ENGLISH, "blocked").tone is Tone.WARN
    odd = stage_badge(CHINESE, "od\u202ed")
    assert (odd.text, odd.tone) == ("odd", Tone.BAD)


def test_a_word_of_ours_is_said_in_the_reader_s_language_and_data_is_left_as_it_is() -> None:
    held = WaitingReason.LEGAL_HOLD
    assert field_text(CHINESE, "mode", "delete") == "删除"
    assert field_text(CHINESE, "channel", "sms") == "短信"
    assert field_text(CHINESE, "becomes", "stays_due") == "仍须支付"
    assert field_text(CHINESE, "waiting_for", held.value) == CHINESE.text(WAITING_TEXTS[held])
    assert field_text(CHINESE, "account_id", "delete") == "delete"
    assert field_text(CHINESE, "reason", "balance") == "balance"
