"""How a customer gets to the pages: a link that is good once, for a minute, and a session."""

from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import Response
from sqlalchemy import update

from records.identity import CLOCKS_DIFFER
from records.tables import record_web_links, record_web_sessions
from records.web_sessions import IDLE_LIMIT, LINK_LIFETIME, SESSION_LIMIT
from tests.web.api_driver import ORIGIN, ApiDriver, closing, problem
from tests.web.browser_driver import browser
from web.token_file import Scope

SLACK = timedelta(seconds=5)


async def opened_link(api: ApiDriver, **changes: object) -> str:
    account = await api.account()
    body = {"account_id": account.account_id, "user_id": "u-1", **changes}
    answer = await api.post("/portal-sessions", body)
    assert answer.status_code == 201, answer.text
    assert set(answer.json()) == {"url", "expires_at"}
    assert answer.json()["url"].startswith(f"{ORIGIN}/portal/")
    return str(answer.json()["url"])


async def test_a_link_lets_in_once_and_leads_to_the_closure(api: ApiDriver) -> None:
    link = await opened_link(api)
    async with browser(api) as first, browser(api) as second:
        entered = await first.get(link)
        assert (entered.status_code, entered.headers["location"]) == (303, "/closure")
        cookie = entered.headers["set-cookie"]
        for attribute in ("HttpOnly", "Path=/", "SameSite=lax", "Max-Age=28800"):
            assert attribute in cookie
        again = await second.get(link)
        assert again.status_code == 410
        assert "no longer good" in again.text
        assert "set-cookie" not in again.headers


async def test_a_link_is_good_for_a_minute(api: ApiDriver) -> None:
    link = await opened_link(api)
    await move_back(api, LINK_LIFETIME)
    async with browser(api) as visitor:
        assert (await visitor.get(link)).status_code == 410
    link = await opened_link(api)
    await move_back(api, LINK_LIFETIME - SLACK)
    async with browser(api) as visitor:
        assert (await visitor.get(link)).status_code == 303


@pytest.mark.parametrize("header", ["Sec-Purpose", "Purpose", "X-Moz"])
async def test_a_browser_that_looks_ahead_does_not_use_the_link_up(api: ApiDriver, header: str) -> None:
    link = await opened_link(api)
    async with browser(api) as visitor:
        assert (await visitor.get(link, headers={header: "prefetch"})).status_code == 204
        assert (await visitor.get(link)).status_code == 303


async def test_a_link_that_is_taken_to_other_pages_is_not_used_up(api: ApiDriver) -> None:
    link = await opened_link(api)
    async with browser(api) as visitor:
        assert (await visitor.get(link.replace("/portal/", "/staff/enter/"))).status_code == 410
        assert (await visitor.get(link)).status_code == 303


async def test_a_session_never_takes_over_what_a_browser_brings(api: ApiDriver) -> None:
    link = await opened_link(api)
    async with browser(api) as visitor:
        visitor.cookies.set("closure-session", "chosen-by-somebody-else", domain="console.example")
        entered = await visitor.get(link)
        assert "chosen-by-somebody-else" not in entered.headers["set-cookie"]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"user_id": "nobody"}, 404, "AccountNotFound"),
        ({"account_id": "nowhere"}, 404, "AccountNotFound"),
        ({"return_url": "javascript:alert(1)"}, 422, "InvalidFields"),
        ({"language": "../../etc"}, 422, "InvalidFields"),
        ({"verified": {"method": "password", "at": "2026-01-01T00:00:00Z"}}, 422, "InvalidFields"),
        ({"verified": {"method": "session", "at": "yesterday"}}, 422, "InvalidFields"),
        ({"verified": {"method": "session", "at": "2026-01-01T00:00:00"}}, 422, "InvalidFields"),
        ({"verified": {"method": "session", "at": 0}}, 422, "InvalidFields"),
    ],
)
async def test_wrong_requests_for_a_link_are_refused(
    api: ApiDriver, body: dict[str, object], status: int, error: str
) -> None:
    account = await api.account()
    answer = await api.post("/portal-sessions", {"account_id": account.account_id, "user_id": "u-1", **body})
    problem(answer, status, error)


async def test_nobody_has_been_verified_in_the_future(api: ApiDriver) -> None:
    account = await api.account()

    async def said(ahead: timedelta) -> Response:
        verified = {"method": "session", "at": (datetime.now(UTC) + ahead).isoformat()}
        body = {"account_id": account.account_id, "user_id": "u-1", "verified": verified}
        return await api.post("/portal-sessions", body)

    assert (await said(CLOCKS_DIFFER - SLACK)).status_code == 201
    # Far enough, however long the request takes.
    answer = await said(CLOCKS_DIFFER + timedelta(minutes=5))
    assert problem(answer, 422, "InvalidFields")["errors"] == [
        {"location": "body", "path": "verified.at", "message": "lies in the future"}
    ]


async def test_links_want_their_own_scope_and_provider(api: ApiDriver) -> None:
    account = await api.account()
    body = {"account_id": account.account_id, "user_id": "u-1"}
    others = api.caller(Scope.READ, Scope.ACT, Scope.STAFF, name="others")
    problem(await others.post("/portal-sessions", body), 403, "ScopeMissing")
    foreign = api.caller(Scope.PORTAL, provider="alibaba-cloud", name="foreign")
    problem(await foreign.post("/portal-sessions", body), 404, "AccountNotFound")


async def move_back(api: ApiDriver, by: timedelta) -> None:
    """As if all links and sessions were older."""

    def work(connection: object) -> None:
        assert hasattr(connection, "execute")
        for table, columns in (
            (record_web_links, ("expires_at",)),
            (record_web_sessions, ("began_at", "seen_at")),
        ):
            for row in connection.execute(table.select()).mappings().all():
                key = next(iter(table.primary_key.columns))
                values = {name: row[name] - by for name in columns}
                connection.execute(update(table).where(key == row[key.name]).values(values))

    await api.installation.record.write(work)


def test_limits_are_those_that_are_promised() -> None:
    assert (
        timedelta(seconds=60),
        timedelta(minutes=30),
        timedelta(hours=8),
    ) == (LINK_LIFETIME, IDLE_LIMIT, SESSION_LIMIT)


async def test_a_console_that_may_vouch_for_somebody_needs_no_password(careful_pages: ApiDriver) -> None:
    account = await careful_pages.account()
    just_now = datetime.now(UTC)
    proof = {"verified": {"method": "session", "at": just_now.isoformat()}}
    path = f"/accounts/{account.account_id}/closures"
    acting = careful_pages.caller(Scope.READ, Scope.ACT, name=f"acting-{account.account_id}")
    problem(await acting.post(path, closing(proof=proof)), 403, "ScopeMissing")
    early = {"verified": {"method": "session", "at": (just_now + timedelta(minutes=5)).isoformat()}}
    problem(await careful_pages.post(path, closing(proof=early)), 403, "IdentityProofRequired")
    late = {"verified": {"method": "session", "at": (just_now - timedelta(minutes=31)).isoformat()}}
    problem(await careful_pages.post(path, closing(proof=late)), 403, "IdentityProofRequired")
    assert (await careful_pages.close(account, proof=proof))["stage"] == "ready"


async def test_a_policy_that_does_not_take_the_consoles_word_refuses_it(pages: ApiDriver) -> None:
    account = await pages.account()
    proof = {"verified": {"method": "session", "at": datetime.now(UTC).isoformat()}}
    answer = await pages.post(f"/accounts/{account.account_id}/closures", closing(proof=proof))
    problem(answer, 403, "IdentityMethodRefused")
