"""Calls the API as a provider's console does, and says what its answers must look like."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
from fastapi import FastAPI
from pydantic import JsonValue

from tests.harness.account_driver import AccountDriver
from tests.harness.installation import TestInstallation
from web.application import web_application
from web.rate_limits import RateLimit
from web.service import WebService
from web.token_file import Scope, TokenFile

ORIGIN = "http://console.example"
PASSWORD = "correct horse battery"
WORDS = "DELETE ALL ACCOUNT DATA AND SETTINGS"
"""T9"""
EVERYTHING = tuple(Scope)

Json = dict[str, JsonValue]


@dataclass(frozen=True)
class ApiDriver:
    """One token's calls. Paths are below the API's base."""

    installation: TestInstallation
    application: FastAPI
    tokens: TokenFile
    http: httpx2.AsyncClient

    @property
    def service(self) -> WebService:
        service = self.application.state.service
        assert isinstance(service, WebService)
        return service

    async def get(self, path: str, **parameters: str | int | bool) -> httpx2.Response:
        return await self.http.get(f"/api/v1{path}", params=parameters)

    async def post(
        self, path: str, body: Mapping[str, object] | None = None, *, key: str | None = None
    ) -> httpx2.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.http.post(f"/api/v1{path}", json={} if body is None else body, headers=headers)

    def caller(self, *scopes: Scope, provider: str | None = None, name: str = "other") -> "ApiDriver":
        """The same API, called with another new token."""
        token = self.tokens.add(name, scopes or EVERYTHING, provider)
        return ApiDriver(self.installation, self.application, self.tokens, _http(self.application, token))

    async def account(self, **account: object) -> AccountDriver:
        """A Twilio account whose owner has a password: nothing blocks it."""
        users = [
            {"id": "u-1", "role": "owner", "email": "owner@one.example", "password": PASSWORD},
            {"id": "u-2", "role": "developer", "email": "dev@one.example", "password": PASSWORD},
        ]
        chosen = {"provider": "twilio", "kind": "upgraded", "users": users, **account}
        return await self.installation.account(**chosen)

    async def close(self, account: AccountDriver, **changes: object) -> Json:
        """Closes it over the API, as far as it goes at once; the driver is that closure's from now on."""
        opened = await self.post(f"/accounts/{account.account_id}/closures", closing(**changes))
        assert opened.status_code == 201, opened.text
        account.closure_id = opened.json()["closure_id"]
        return document(opened)


def closing(**changes: object) -> Json:
    """A request to close a Twilio account."""
    body: dict[str, object] = {
        "user_id": "u-1",
        "proof": {"password": PASSWORD},
        "acknowledgements": [WORDS],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}  # type: ignore[misc]


def document(answer: httpx2.Response) -> Json:
    """The JSON object that it must be."""
    assert answer.headers["content-type"] == "application/json", answer.text
    found = answer.json()
    assert isinstance(found, dict)
    return found


def problem(answer: httpx2.Response, status: int, error: str) -> Json:
    """The problem that it must be, whole."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found = answer.json()
    assert (answer.status_code, found["status"], found["error"]) == (status, status, error), found
    assert found["type"] == f"/api/docs#{error}"
    assert found["title"]
    assert found["detail"]
    assert set(found) == {"type", "title", "status", "detail", "error", "facts", "acknowledgements", "errors"}
    assert isinstance(found, dict)
    return found


@asynccontextmanager
async def opened_api(
    installation: TestInstallation, token_file: Path, **changes: object
) -> AsyncIterator[ApiDriver]:
    """The API of an installation, its service changed as told; rates are limited where a test says so."""

    async def answers() -> None:
        await installation.client.count_workflows()

    tokens = TokenFile(token_file)
    unlimited = RateLimit(at_once=1_000_000, per_second=1_000)
    service = WebService(
        closures=installation.closures,
        platform=installation.platform,
        record=installation.record,
        tokens=tokens,
        url=ORIGIN,
        require_temporal=answers,
        run_url=lambda workflow_id, run_id: f"http://ui.example/{run_id}" if run_id else None,
        by_token=unlimited,
        by_account=unlimited,
    )
    application = web_application(replace(service, **changes), {"console.example"})  # type: ignore[arg-type]
    async with _http(application, tokens.add("console", EVERYTHING)) as http:
        yield ApiDriver(installation, application, tokens, http)


def _http(application: FastAPI, token: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=application, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers, timeout=60)
