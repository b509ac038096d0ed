import shlex

import pytest
from pydantic import JsonValue
from typer.testing import CliRunner

from closure.errors import RefusalType, Refused
from commandline.advice import Asked, advice_on, how_to_prove
from starter import command_line

ASKED = Asked("a-1", "u-1")
PLAN_HASH = "a" * 64
Facts = dict[str, JsonValue]
TYPED = "python starter.py "


def advised(type: RefusalType, facts: Facts | None = None, asked: Asked = ASKED) -> str | None:
    return advice_on(Refused(type, "no", facts=facts or {}), asked)


def commands_in(advice: str) -> list[str]:
    """What a person would copy: each command up to the end of its clause."""
    return [each.partition(";")[0].rstrip(", or") for each in advice.split(TYPED)[1:]]


@pytest.mark.parametrize(
    ("type", "facts", "told"),
    [
        (RefusalType.APPROVAL_REQUIRED, {"plan_hash": PLAN_HASH}, f"a-1 --as USER --plan-hash {PLAN_HASH}"),
        (RefusalType.CODE_REFUSED, {}, "challenge a-1 --as u-1 --method email_code"),
        (RefusalType.CLOSURE_ALREADY_OPEN, {"account_id": "a-2"}, "status a-2"),
        (RefusalType.IDENTITY_METHOD_REFUSED, {"methods": ["password"]}, "--password-stdin"),
        (RefusalType.IDENTITY_PROOF_REQUIRED, {"methods": ["sms_code"]}, "a-1 --as u-1 --method sms_code"),
        (RefusalType.IDENTITY_PROOF_REQUIRED, {"methods": ["totp"]}, "--totp"),
        (RefusalType.INVALID_REASON, {}, "--reason"),
        (RefusalType.ITEMS_OUTSTANDING, {}, "recheck a-1"),
        (RefusalType.MODE_NOT_OFFERED, {"modes": ["delete", "keep-data"]}, "--mode delete or keep-data"),
        (RefusalType.PHRASE_REFUSED, {"phrase": "close it's 1"}, "--phrase 'close it'\"'\"'s 1'"),
        (RefusalType.POLICY_NOT_FOUND, {"known": ["acme", "bell"]}, "known policies: acme, bell"),
        (RefusalType.POLICY_NOT_FOUND, {"known": []}, "known policies: none"),
        (RefusalType.RISK_NOT_ACCEPTED, {}, "--accept-risk"),
        (RefusalType.THING_NOT_ALLOWED, {"id": "db", "needed_by": "app"}, "platform release a-1 app"),
        (RefusalType.THING_NOT_FOUND, {"id": "b-9"}, "platform show a-1"),
    ],
)
def test_the_advice_names_the_values_that_it_is_about(type: RefusalType, facts: Facts, told: str) -> None:
    assert told in (advised(type, facts) or "")


def test_without_methods_every_way_to_prove_it_is_named() -> None:
    advice = advised(RefusalType.IDENTITY_PROOF_REQUIRED) or ""
    assert "--password-stdin" in advice
    assert "challenge a-1 --as u-1" in advice


def test_a_refusal_that_says_it_all_gets_no_advice() -> None:
    assert advised(RefusalType.ACCOUNT_CLOSED, {"account_id": "a-1"}) is None
    assert advised(RefusalType.THING_NOT_ALLOWED, {"account_id": "a-1"}) is None


@pytest.mark.parametrize("facts", [{}, {"methods": "sms_code", "known": 1, "modes": None, "phrase": [1]}])
@pytest.mark.parametrize("type", list(RefusalType))
def test_facts_that_are_missing_or_others_leave_commands_that_exist(type: RefusalType, facts: Facts) -> None:
    """A worker of another version may send other facts."""
    for command in commands_in(advised(type, facts) or ""):
        words = [*shlex.split(command), "--help"]
        found = CliRunner().invoke(command_line(words), words)
        assert found.exit_code == 0, (command, found.output)


@pytest.mark.parametrize("method", ["email_code", "sms_code", "totp", "password"])
def test_a_command_can_be_copied_whatever_account_and_user_are_called(method: str) -> None:
    hostile = "x; rm -rf $HOME '"
    for advice in (
        how_to_prove((method,), hostile, hostile),
        *(advised(refusal, asked=Asked(hostile, hostile)) or "" for refusal in RefusalType),
    ):
        assert hostile not in advice.replace(shlex.quote(hostile), "")
