"""The example of a provider's own web service, as it is printed in docs/embedding.md, closes accounts."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import JsonValue
from starlette.types import ASGIApp, Message

from closure.errors import RefusalType
from closure.lifecycle import Stage
from examples.web_service import closure_service
from tests.harness.installation import InstallationBuilder, TestInstallation

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLE = PROJECT / "examples" / "web_service.py"
GUIDE = PROJECT / "docs" / "embedding.md"
PASSWORD = "correct horse battery"
WORDS = ("DELETE ALL ACCOUNT DATA AND SETTINGS",)
"""T9"""


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, JsonValue]


async def call(service: ASGIApp, method: str, path: str, body: str = "") -> Answer:
    """One HTTP request, spoken to the service itself."""
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body.encode(), "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    await service(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in said)
    return Answer(said[0]["status"], json.loads(content))


async def twilio_account(installation: TestInstallation) -> str:
    """An upgraded account whose owner has a password."""
    users = [{"id": "u-1", "role": "owner", "email": "owner@one.example", "password": PASSWORD}]
    return (await installation.account(provider="twilio", kind="upgraded", users=users)).account_id


def asks(**changes: object) -> str:
    return json.dumps({"user_id": "u-1", "password": PASSWORD, "acknowledgements": WORDS, **changes})


async def test_an_account_is_closed_over_http(installation: TestInstallation) -> None:
    service = closure_service(installation.closures)
    path = f"/accounts/{await twilio_account(installation)}/closure"

    opened = await call(service, "POST", path, asks())
    assert (opened.status, opened.body["stage"]) == (201, Stage.READY.value)
    seen = await call(service, "GET", path)
    assert (seen.status, seen.body["closure_id"]) == (200, opened.body["closure_id"])


async def test_a_refusal_is_a_conflict_with_type_message_and_facts(installation: TestInstallation) -> None:
    service = closure_service(installation.closures)
    account_id = await twilio_account(installation)
    path = f"/accounts/{account_id}/closure"

    nobody = await call(service, "POST", path, asks(password=None))
    assert nobody.status == 409
    assert nobody.body == {
        "type": RefusalType.IDENTITY_PROOF_REQUIRED.value,
        "message": "closing an account needs a proof of identity",
        "facts": {"methods": ["password"], "account_id": account_id},
    }
    wrong = await call(service, "POST", path, asks(password="guessed"))
    assert (wrong.status, wrong.body["type"]) == (409, RefusalType.SECRET_REFUSED.value)
    # No row of a closure came of either.
    unknown = await call(service, "GET", path)
    assert (unknown.status, unknown.body["type"]) == (409, RefusalType.CLOSURE_NOT_FOUND.value)


@pytest.mark.parametrize("body", ["", "[]", '{"password": "p"}', "{", '{"user_id": 7}'])
async def test_a_body_that_is_no_request_is_refused_and_not_repeated(
    installations: InstallationBuilder, body: str
) -> None:
    async with installations.open(with_worker=False) as installation:
        service = closure_service(installation.closures)
        answer = await call(service, "POST", "/accounts/a-1/closure", body)
    assert answer.status == 422
    assert answer.body == {"message": "the body is not a request to close an account"}


def test_the_guide_shows_the_example_word_for_word() -> None:
    shown = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert EXAMPLE.read_text(encoding="utf-8") in shown
