"""How a command ends: one answer or one error line, and the contract's exit codes."""

import json
import shlex
from collections.abc import Awaitable, Callable
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from closure.errors import RefusalType, Refused
from closure.visible_text import printable
from commandline import terminal
from commandline.terminal import Answer, BadInput, Unreachable, execute, one_line, print_json
from temporal.faults import ConnectionFault, ServerUnreachable


class Left(BaseException):
    """Stands in for the end of the process."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@pytest.fixture(autouse=True)
def _process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(code: int) -> NoReturn:
        raise Left(code)

    monkeypatch.setattr(terminal, "leave", leave)


def end_of(outcome: Answer | Exception, *, as_json: bool) -> int:
    async def action() -> Answer:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    command: Callable[[], Awaitable[Answer]] = action
    with pytest.raises(Left) as caught:
        execute(command, as_json=as_json)
    return caught.value.code


CONTROLS = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} - {"\n"}
BIDIRECTIONAL = {
    chr(code) for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
DANGEROUS = CONTROLS | BIDIRECTIONAL
FAILURES = [
    (Refused(RefusalType.ROLE_REFUSED, "only the owner may"), 1, "RoleRefused", "only the owner may"),
    (BadInput("accounts.0.id: is missing"), 2, "BadInput", "accounts.0.id: is missing"),
    (Unreachable("the server does not answer"), 3, "Unreachable", "the server does not answer"),
    (ConnectionFault("no server address"), 2, "BadInput", "no server address"),
    (ServerUnreachable("no server there"), 3, "Unreachable", "no server there"),
    (ConnectionRefusedError("no route"), 3, "Unreachable", "no route"),
    (KeyError("oops"), 70, "InternalError", "this is a defect"),
]
each_failure = pytest.mark.parametrize(
    ("failure", "code", "type", "told"),
    FAILURES,
    ids=[failure[2] + str(n) for n, failure in enumerate(FAILURES)],
)


# An event loop runs already in asyncio tests; these start one of their own, so they are plain functions.
@each_failure
def test_a_failure_is_one_json_document_on_stdout(
    failure: Exception, code: int, type: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_of(failure, as_json=True) == code
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert error["type"] == type
    assert told in error["message"]
    assert err == ""


@each_failure
def test_a_failure_is_one_line_on_stderr(
    failure: Exception, code: int, type: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_of(failure, as_json=False) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert told in err
    assert "Traceback" not in err


def test_an_answer_is_text_for_people_and_a_document_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    answer = Answer({"text": "é 中"}, "[red]plain[/red]")
    assert end_of(answer, as_json=False) == 0
    assert capsys.readouterr().out == "[red]plain[/red]\n"
    assert end_of(answer, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"text": "é 中"}


def test_a13_missing_consents_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    refused = Refused(RefusalType.ACKNOWLEDGEMENT_REQUIRED, "agree first", acknowledgements=("One", "Two"))
    assert end_of(refused, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["error"]["acknowledgements"] == ["One", "Two"]
    assert end_of(refused, as_json=False) == 1
    err = capsys.readouterr().err
    assert "  --acknowledge One\n  --acknowledge Two\n" in err


def test_a13_an_agreement_is_agreed_to_and_a_text_is_quoted_as_a_shell_wants_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused = Refused(
        RefusalType.ACKNOWLEDGEMENT_REQUIRED,
        "agree first",
        acknowledgements=("Terms, version 1", "It's $HOME"),
        facts={"agreement": "Terms, version 1"},
    )
    assert end_of(refused, as_json=False) == 1
    told, agreement, text = capsys.readouterr().err.splitlines()
    assert "--agree" in told
    assert agreement == "  --agree  (Terms, version 1)"
    assert shlex.split(text) == ["--acknowledge", "It's $HOME"]


def test_a_refusal_carries_its_facts_and_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    facts: dict[str, JsonValue] = {"account_id": "a-1", "closure_id": "c-1"}
    refused = Refused(RefusalType.CLOSURE_ALREADY_OPEN, "It is open.", facts=facts)
    told = "It is open; see it: python starter.py status a-1"
    assert end_of(refused, as_json=True) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error == {"type": "ClosureAlreadyOpen", "message": told, "facts": facts}
    assert end_of(refused, as_json=False) == 1
    assert capsys.readouterr().err == f"ClosureAlreadyOpen: {told}\n"


def test_a_message_of_several_lines_becomes_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of(BadInput("first\nsecond\x1b[31m\tthird"), as_json=False) == 2
    assert capsys.readouterr().err == "error: first second[31m third\n"


@given(st.text() | st.text(st.sampled_from(sorted(DANGEROUS | {"a", "\n"}))))
def test_printable_text_cannot_move_the_cursor(text: str) -> None:
    clean = printable(text)
    assert not set(clean) & DANGEROUS
    assert printable(clean) == clean


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert printable(text) == text


def test_a_document_holds_nothing_that_a_terminal_obeys_and_reads_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document: dict[str, JsonValue] = {"text": "a\x1b[31m\x7f\x9b31m\u202eb\U000e0001 é 账户\n"}
    print_json(document)
    out = capsys.readouterr().out
    assert printable(out) == out
    assert json.loads(out) == document
    assert "é 账户" in out
