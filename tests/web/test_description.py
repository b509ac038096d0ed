"""The OpenAPI document says what the API does; the page at /api/docs shows it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from closure.errors import RefusalType, Refused
from tests.web.api_driver import ApiDriver, document
from web.api.problems import ProblemType, problem_response, title_of
from web.browser.languages import reader_of
from web.browser.refusals import refusal_of

CALLS = {
    ("get", "/accounts/{account_id}/plan"): "read",
    ("post", "/portal-sessions"): "portal",
    ("post", "/accounts/{account_id}/challenges"): "act",
    ("post", "/accounts/{account_id}/closures"): "act",
    ("get", "/accounts/{account_id}/closure"): "read",
    ("get", "/accounts/{account_id}/export"): "read",
    ("get", "/closures"): "read",
    ("get", "/closures/{closure_id}"): "read",
    ("get", "/closures/{closure_id}/items"): "read",
    ("get", "/closures/{closure_id}/events"): "read",
    ("get", "/closures/{closure_id}/audit"): "read",
    ("get", "/closures/{closure_id}/certificate"): "read",
    ("post", "/closures/{closure_id}/recheck"): "act",
    ("post", "/closures/{closure_id}/renounce"): "act",
    ("post", "/closures/{closure_id}/confirm"): "act",
    ("post", "/closures/{closure_id}/approve"): "act",
    ("post", "/closures/{closure_id}/withdraw"): "act",
    ("post", "/closures/{closure_id}/resume"): "act",
}
PROBLEM = {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}


@pytest.fixture
async def description(api: ApiDriver) -> dict[str, Any]:
    return document(await api.http.get("/api/v1/openapi.json"))


def calls(description: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for path, methods in description["paths"].items():
        for method, call in methods.items():
            yield method, path, call


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


async def test_every_call_is_there_with_its_scope_bodies_and_problems(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1")
    scopes = {}
    for method, path, call in calls(description):
        if not path.startswith("/api/v1"):
            assert path in ("/healthz", "/readyz")
            assert "security" not in call
            continue
        (security,) = call["security"]
        (scopes[method, path.removeprefix("/api/v1")],) = security["token"]
        assert call["description"], path
        for status, answer in call["responses"].items():
            if int(status) >= 400:
                assert answer["content"] == {"application/problem+json": PROBLEM}, (path, status)
            elif status != "204":
                assert answer["content"], (path, status)
        assert {"401", "403", "404", "422", "429", "503"} <= set(call["responses"]) | {"404"}
        if method == "post":
            named = [each["name"] for each in call["parameters"]]
            assert "Idempotency-Key" in named
            assert call["requestBody"]["content"]["application/json"]["schema"]
            assert "409" in call["responses"]
    assert scopes == CALLS


async def test_every_reference_is_in_the_document(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    assert {each.rpartition("/")[2] for each in references(description)} <= set(schemas)
    assert "ProblemDetails" in schemas
    assert "FieldError" in schemas


async def test_the_page_shows_every_call_body_and_error_and_loads_nothing(
    api: ApiDriver, description: dict[str, Any]
) -> None:
    answer = await api.http.get("/api/docs")
    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    for method, path, _ in calls(description):
        assert f"{method.upper()} {path}" in page
    for name in description["components"]["schemas"]:
        assert f'id="{name}"' in page
    for error in (*RefusalType, *ProblemType):
        assert f'id="{error.value}"' in page, "what a problem's type points at"
    assert "<script" not in page
    assert set(re.findall(r'(?:href|src)="([^"]+)"', page)) == {"/api/v1/openapi.json"}


STATUSES = {
    403: (
        *("AccessRefused", "CodeRefused", "IdentityMethodRefused", "IdentityProofRequired"),
        *("RoleRefused", "SecretRefused"),
    ),
    404: ("AccountNotFound", "ClosureNotFound"),
    409: (
        *("AccountClosed", "AccountKindRefused", "ActNotFound", "AlreadyConfirmed", "ApprovalNotWanted"),
        *("ApprovalRequired", "CertificateNotIssued", "ClaimNeeded", "ClosureAlreadyOpen", "ClosureEnded"),
        *("FastForwardRefused", "ItemNotFound", "ItemNotRenounceable", "ItemsOutstanding", "Irrevocable"),
        *("LegalHold", "NotReady", "NotYet", "PlanChanged", "StalePlanHash", "StaleRun", "StageConflict"),
        *("TakesLong", "ThingNotFound", "ThingNotAllowed", "WithdrawalStands", "WrongInstallation"),
    ),
    422: (
        *("AcknowledgementRequired", "InvalidReason", "MalformedInput", "ModeNotOffered", "PhraseRefused"),
        *("PolicyNotFound", "RiskNotAccepted"),
    ),
    429: ("TooManyChallenges", "TooManyGuesses"),
    503: ("ActLapsed",),
}


@pytest.mark.parametrize("type", list(RefusalType))
def test_every_refusal_has_one_status_for_programs_and_for_people(type: RefusalType) -> None:
    (status,) = [status for status, types in STATUSES.items() if type.value in types]
    refused = Refused(type, "why", facts={"retry_after": 7} if status == 429 else {})
    answer = problem_response(refused)
    assert answer is not None
    assert answer.status_code == status == refusal_of(refused, reader_of("en")).status
    assert answer.headers.get("retry-after") == {429: "7", 503: "5"}.get(status)
    told = json.loads(bytes(answer.body))
    assert (told["error"], told["detail"]) == (type.value, "why")
    assert bool(told["errors"]) is (status == 422 and type is not RefusalType.MALFORMED_INPUT)


def test_every_problem_has_a_title() -> None:
    assert {title_of(each.value)[0].isupper() for each in (*RefusalType, *ProblemType)} == {True}
    assert title_of(RefusalType.CLOSURE_NOT_FOUND.value) == "Closure not found"
