"""Who may call what, how often, by which name; and what no answer and no log line holds."""

import hashlib
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from database import DatabaseUnreachable
from temporal.faults import ServerUnreachable
from tests.web.api_driver import PASSWORD, ApiDriver, closing, document, opened_api, problem
from web.api.problems import ProblemType
from web.application import BODY_LIMIT
from web.rate_limits import RateLimit
from web.token_file import Scope

READS = (
    *("/closures", "/closures/c", "/closures/c/items", "/closures/c/events", "/closures/c/audit"),
    *("/closures/c/certificate", "/accounts/a/plan", "/accounts/a/closure", "/accounts/a/export"),
)
ACTS: dict[str, dict[str, object]] = {
    "/accounts/a/challenges": {"user_id": "u", "method": "email_code"},
    "/accounts/a/closures": {"user_id": "u"},
    "/closures/c/recheck": {},
    "/closures/c/resume": {},
    "/closures/c/renounce": {"user_id": "u", "all": True},
    "/closures/c/confirm": {"user_id": "u", "reason": "r", "plan_hash": "h"},
    "/closures/c/approve": {"user_id": "u", "plan_hash": "h"},
    "/closures/c/withdraw": {"user_id": "u"},
}
SAFE = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


def test_every_call_about_an_account_or_a_closure_is_tried_here(still: ApiDriver) -> None:
    description = still.application.openapi()
    calls = {path for path in description["paths"] if "{" in path}
    tried = {_named(path, "{account_id}", "{closure_id}") for path in (*READS, *ACTS)}
    assert calls == {f"/api/v1{path}" for path in tried if "{" in path}


async def test_every_call_needs_a_token_that_is_good(still: ApiDriver) -> None:
    good = still.http.headers["authorization"]
    for wrong in ("", "Bearer", "Bearer nonsense", good[:-1], good.replace("Bearer", "Basic"), f"{good}x"):
        still.http.headers["authorization"] = wrong
        for path in READS:
            problem(await still.get(path), 401, "TokenRefused")
        for path, body in ACTS.items():
            answer = await still.post(path, body)
            problem(answer, 401, "TokenRefused")
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_scope_opens_its_calls_and_no_others(still: ApiDriver) -> None:
    reader, actor = still.caller(Scope.READ, name="reads"), still.caller(Scope.ACT, name="acts")
    neither = still.caller(Scope.PORTAL, Scope.STAFF, name="neither")
    for path in READS:
        for caller in (actor, neither):
            fault: Any = problem(await caller.get(path), 403, "ScopeMissing")
            assert fault["facts"] == {"scopes": ["read"]}
        assert (await reader.get(path)).status_code in (200, 404)
    for path, body in ACTS.items():
        for caller in (reader, neither):
            problem(await caller.post(path, body), 403, "ScopeMissing")
        assert (await actor.post(path, body)).status_code == 404


async def test_a_revoked_token_is_good_for_nothing_at_once(still: ApiDriver) -> None:
    caller = still.caller(Scope.READ)
    assert (await caller.get("/closures")).status_code == 200
    still.tokens.revoke("other")
    problem(await caller.get("/closures"), 401, "TokenRefused")


async def test_other_providers_accounts_and_closures_do_not_exist_for_a_token(api: ApiDriver) -> None:
    mine, theirs = await api.account(), await api.installation.account()
    await api.close(mine)
    await theirs.close()
    console = api.caller(Scope.READ, Scope.ACT, provider="twilio")

    listed: Any = document(await console.get("/closures"))
    assert [each["closure_id"] for each in listed["closures"]] == [mine.closure_id]
    assert document(await console.get("/closures", provider="alibaba-cloud"))["closures"] == []
    assert (await console.get(f"/closures/{mine.closure_id}")).status_code == 200
    for path in READS[1:]:
        hidden = await console.get(_named(path, theirs.account_id, theirs.closure_id))
        unknown = await console.get(_named(path, "no-account", "no-closure"))
        named = hidden.text.replace(theirs.account_id, "no-account").replace(theirs.closure_id, "no-closure")
        assert (hidden.status_code, named) == (404, unknown.text)
    for path, body in ACTS.items():
        answer = await console.post(_named(path, theirs.account_id, theirs.closure_id), body)
        assert answer.status_code == 404
    assert (await theirs.status()).outcome is None


def _named(path: str, account: str, closure: str) -> str:
    return path.replace("/accounts/a", f"/accounts/{account}").replace("/closures/c", f"/closures/{closure}")


async def test_too_many_requests_wait_by_token_and_by_account(api: ApiDriver, tmp_path: Path) -> None:
    clock = [0.0]
    limit = RateLimit(at_once=3, per_second=0.5, clock=lambda: clock[0])
    async with opened_api(api.installation, tmp_path / "limited.json", by_token=limit) as limited:
        for _ in range(3):
            assert (await limited.get("/closures")).status_code == 200
        refused = await limited.get("/closures")
        assert problem(refused, 429, "TooManyRequests")["facts"] == {"retry_after": 2}
        assert refused.headers["retry-after"] == "2"
        # Another token has its own.
        assert (await limited.caller(Scope.READ).get("/closures")).status_code == 200
        clock[0] = 2.0
        assert (await limited.get("/closures")).status_code == 200
        problem(await limited.get("/closures"), 429, "TooManyRequests")

    account = await api.account()
    path = f"/accounts/{account.account_id}/closures"
    by_account = RateLimit(at_once=2, per_second=0.001)
    async with opened_api(api.installation, tmp_path / "more.json", by_account=by_account) as limited:
        for _ in range(2):
            problem(await limited.post(path, closing(proof=None)), 403, "IdentityProofRequired")
        problem(await limited.post(path, closing(proof=None)), 429, "TooManyRequests")
        other = f"/accounts/{(await api.account()).account_id}/closures"
        problem(await limited.post(other, closing(proof=None)), 403, "IdentityProofRequired")


def test_a_bucket_fills_again_to_its_brim_only() -> None:
    clock = [0.0]
    limit = RateLimit(at_once=2, per_second=1, clock=lambda: clock[0])
    assert [limit.take("a") for _ in range(3)] == [0, 0, 1]
    clock[0] = 100.0
    assert [limit.take("a") for _ in range(3)] == [0, 0, 1]
    clock[0] = 100.5
    assert limit.take("a") == 0.5
    clock[0] = 101.0
    assert limit.take("a") == 0


def test_buckets_that_are_full_again_are_forgotten() -> None:
    clock = [0.0]
    limit = RateLimit(at_once=1, per_second=1, clock=lambda: clock[0])
    for number in range(10_000):
        limit.take(str(number))
    clock[0] = 5.0
    limit.take("new")
    assert len(limit._left) == 1


@pytest.mark.parametrize("host", ["evil.example", "console.example.evil.example", "", "console.example@evil"])
async def test_another_host_is_refused(still: ApiDriver, host: str) -> None:
    answer = await still.http.get("/healthz", headers={"Host": host})
    problem(answer, 400, "HostRefused")
    for good in ("console.example", "CONSOLE.example:8443"):
        assert (await still.http.get("/healthz", headers={"Host": good})).status_code == 200


async def test_every_answer_has_the_safe_headers(still: ApiDriver) -> None:
    answers = [
        await still.http.get("/healthz"),
        await still.get("/closures"),
        await still.get("/closures/c"),
        await still.http.get("/api/v1/nowhere"),
        await still.http.get("/api/v1/openapi.json"),
        await still.http.get("/healthz", headers={"Host": "evil.example"}),
        await still.http.post("/api/v1/closures/c/recheck", content=b"x" * (BODY_LIMIT + 1)),
    ]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in SAFE} == SAFE, answer.url
        assert "strict-transport-security" not in answer.headers
    docs = await still.http.get("/api/docs")
    assert "default-src 'none'" in docs.headers["content-security-policy"]
    file, url = still.installation.database_file.with_suffix(".more"), "https://console.example"
    async with opened_api(still.installation, file, url=url) as secure:
        assert "strict-transport-security" in (await secure.http.get("/healthz")).headers


async def test_paths_methods_and_bodies_that_are_none(still: ApiDriver) -> None:
    problem(await still.get("/nowhere"), 404, "PathNotFound")
    wrong = await still.http.delete("/api/v1/closures")
    problem(wrong, 405, "MethodNotAllowed")
    assert "GET" in wrong.headers["allow"]
    path, json_type = "/api/v1/accounts/a/closures", {"Content-Type": "application/json"}
    for body in (b"{", b"nonsense", b"[" * 50_000, b"{\xff}", b"1" * 5_000):
        problem(await still.http.post(path, content=body, headers=json_type), 400, "MalformedInput")
    for body in (b"", b"[]", b"7", b"null"):
        problem(await still.http.post(path, content=body, headers=json_type), 422, "InvalidFields")
    untyped = await still.http.post(path, content=b"{}", headers={"Content-Type": "text/plain"})
    problem(untyped, 422, "InvalidFields")
    large = b'{"user_id": "' + b"x" * BODY_LIMIT + b'"}'
    problem(await still.http.post(path, content=large, headers=json_type), 413, "BodyTooLarge")

    async def unannounced() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    for headers in (json_type, {**json_type, "Idempotency-Key": "k"}):
        answer = await still.http.post(path, content=unannounced(), headers=headers)
        problem(answer, 413, "BodyTooLarge")


@pytest.mark.parametrize(
    "body",
    [
        '{"user_id": "u-1", "user_id": "u-2"}',
        '{"user_id": "u-1", "user_id": "u-1"}',
        '{"user_id": "u-1", "proof": {"password": "correct horse battery", "password": "guessed"}}',
        r'{"user_id": "u-1", "user\u005fid": "u-2"}',
        '[{"a": {}, "a": 1}]',
    ],
)
async def test_a_member_that_is_given_twice_is_refused(still: ApiDriver, body: str) -> None:
    path, headers = "/api/v1/accounts/a/closures", {"Content-Type": "application/json"}
    for key in ({}, {"Idempotency-Key": "k"}):
        answer = await still.http.post(path, content=body, headers={**headers, **key})
        fault: Any = problem(answer, 400, "MalformedInput")
        assert "twice" in fault["detail"]
        assert PASSWORD not in answer.text
    both = '{"proof": {"password": "a"}, "user_id": "password"}'  # the same name in two objects is fine
    answer = await still.http.post(path, content=both, headers=headers)
    problem(answer, 404, "AccountNotFound")


async def test_field_errors_name_their_paths_and_never_quote_what_was_sent(still: ApiDriver) -> None:
    body = {
        "user_id": "",
        "mode": PASSWORD,
        "proof": {"password": PASSWORD, "code": PASSWORD},
        "agree": PASSWORD,
        "acknowledgements": [7],
        PASSWORD: 1,
    }
    answer = await still.post("/accounts/a/closures", body)
    fault: Any = problem(answer, 422, "InvalidFields")
    paths = {each["path"] for each in fault["errors"]}
    assert {"user_id", "mode", "proof", "agree", "acknowledgements.0"} <= paths
    assert all(each["location"] == "body" for each in fault["errors"])
    del body[PASSWORD]
    assert PASSWORD not in (await still.post("/accounts/a/closures", body)).text


async def test_what_is_away_is_said_without_its_address(
    still: ApiDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert document(await still.http.get("/healthz")) == {"status": "ok"}
    assert document(await still.http.get("/readyz")) == {"status": "ready"}

    async def no_server() -> None:
        raise ServerUnreachable("no Temporal server at 10.0.0.7:7233")

    file = still.installation.database_file.with_suffix(".more")
    async with opened_api(still.installation, file, require_temporal=no_server) as lonely:
        away = await lonely.http.get("/readyz")
        problem(away, 503, "Unavailable")
        assert int(away.headers["retry-after"]) > 0
        assert "10.0.0.7" not in away.text

    async def no_database(work: object) -> None:
        raise DatabaseUnreachable("the database at 10.0.0.8")

    monkeypatch.setattr(still.installation.database, "read", no_database)
    assert (await still.http.get("/healthz")).status_code == 200
    for answer in (await still.http.get("/readyz"), await still.get("/closures")):
        problem(answer, 503, "Unavailable")
        assert "10.0.0.8" not in answer.text


async def test_a_defect_tells_nothing_of_itself(still: ApiDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(work: object) -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(still.installation.database, "read", broken)
    answer = await still.get("/closures")
    problem(answer, 500, ProblemType.INTERNAL_ERROR.value)
    assert "secret" not in answer.text
    assert {name: answer.headers.get(name) for name in SAFE} == SAFE


async def test_tokens_that_cannot_be_read_let_nobody_in(still: ApiDriver, tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text("{")
    problem(await still.get("/closures"), 503, "Unavailable")


@pytest.fixture
def log_lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


async def test_the_access_log_has_neither_tokens_nor_ids(
    still: ApiDriver, log_lines: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"user_id": "u-secret", "method": "email_code"}
    await still.post("/accounts/acct-secret/challenges?x=q-secret", body)
    await still.post("/accounts/acct-secret/challenges", body)
    await still.get("/nowhere-secret")
    token = still.http.headers["authorization"].removeprefix("Bearer ")
    requests = [line for line in log_lines if line["event"] == "request"]
    assert [(each["call"], each["status"], each["caller"]) for each in requests] == [
        ("/accounts/{account_id:path}/challenges", 422, "console"),
        ("/accounts/{account_id:path}/challenges", 404, "console"),
        ("none", 404, None),
    ]
    written = f"{log_lines}{[record.getMessage() for record in caplog.records if 'httpx' not in record.name]}"
    for secret in ("secret", token, hashlib.sha256(token.encode()).hexdigest()):
        assert secret not in written
