"""Who gets to the staff pages: by a token of scope `staff` while it is good, or by a local server's link."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from closure.installation import InstallationKind
from local.staff_link import staff_link
from records.record import Record
from records.tables import record_web_sessions
from records.web_sessions import IDLE_LIMIT
from tests.harness.installation import TestInstallation
from tests.web.api_driver import ORIGIN, ApiDriver, opened_api
from tests.web.browser_driver import browser
from tests.web.staff_driver import OPERATOR, SUPPORT, StaffDriver, form_token, sign_in, signed_in
from web.token_file import Scope

PAGES = (
    "/staff",
    "/staff?tab=brakes",
    "/staff/brake",
    "/staff/closures/closure-0",
    "/staff/closures/closure-0/certificate.pdf",
    "/staff/closures/closure-0/certificate.json",
    "/staff/closures/closure-0/export",
    "/staff/closures/closure-0/recheck",
    "/staff/closures/closure-0/resume",
    "/staff/closures/closure-0/settle",
    "/staff/brake/on?scope=installation",
)
FORMS = (
    "/staff/search",
    "/staff/sign-out",
    "/staff/closures/closure-0/recheck",
    "/staff/closures/closure-0/resume",
    "/staff/closures/closure-0/settle",
    "/staff/brake/on",
    "/staff/brake/off",
)


async def test_a_token_opens_the_pages_by_a_cookie_of_its_own(api: ApiDriver) -> None:
    token = api.tokens.add("support-1", SUPPORT)
    async with browser(api) as visitor:
        visitor.cookies.set("closure-staff", "chosen-by-somebody-else", domain="console.example")
        entered = await sign_in(visitor, token)
        cookie = entered.headers["set-cookie"]
        assert cookie.startswith("closure-staff=")
        assert "chosen-by-somebody-else" not in cookie
        assert token not in cookie
        for attribute in ("HttpOnly", "Path=/", "SameSite=lax"):
            assert attribute in cookie
        page = await visitor.get("/staff")
        assert page.status_code == 200
        assert "support-1" in page.text
        assert token not in page.text


async def test_every_wrong_token_gets_the_same_answer(api: ApiDriver) -> None:
    no_staff = api.tokens.add("robot", (Scope.READ, Scope.ACT, Scope.PORTAL))
    async with browser(api) as visitor:
        pages = [await sign_in(visitor, token) for token in ("", "x", "closure_" + "A" * 43, no_staff)]
        assert {page.status_code for page in pages} == {401}
        assert len({page.text for page in pages}) == 1
        assert not any("set-cookie" in page.headers for page in pages)
        assert (await sign_in(visitor, "x" * 501)).status_code == 400


async def test_tokens_can_t_be_tried_without_end(api: ApiDriver) -> None:
    async with browser(api) as visitor:
        answers = [(await sign_in(visitor, f"guess-{number}")).status_code for number in range(21)]
        assert answers == [401] * 20 + [429]
        late = await sign_in(visitor, api.tokens.add("late", SUPPORT))
        assert late.status_code == 429
        assert int(late.headers["retry-after"]) >= 1


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_else_gets_in(api: ApiDriver, path: str) -> None:
    async with browser(api) as visitor:
        page = await visitor.get(path)
        assert page.status_code == 401
        assert 'href="/staff/sign-in"' in page.text


@pytest.mark.parametrize("path", FORMS)
async def test_no_form_is_taken_from_another_site_or_another_session(api: ApiDriver, path: str) -> None:
    async with browser(api) as stranger:
        assert (await stranger.post(path, headers={"Origin": ORIGIN})).status_code == 401
    async with signed_in(api) as staff, signed_in(api) as other:
        mine = form_token(await staff.get("/staff"))
        theirs = form_token(await other.get("/staff"))
        path = path.replace("closure-0", (await opened(api)))
        for token, headers in (
            (mine, {"Origin": "http://evil.example"}),
            (mine, {"Origin": "http://[::1"}),
            (mine, {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}),
            (theirs, {"Origin": ORIGIN}),
            ("", {"Origin": ORIGIN}),
        ):
            page = await staff.http.post(path, data={"form_token": token}, headers=headers)
            assert page.status_code == 403, path
        assert (await staff.get("/staff")).status_code == 200


async def opened(api: ApiDriver) -> str:
    account = await api.account()
    await api.close(account)
    return account.closure_id


async def test_signing_in_from_another_site_is_refused(api: ApiDriver) -> None:
    token = api.tokens.add("support-2", SUPPORT)
    async with browser(api) as visitor:
        page = await visitor.post(
            "/staff/sign-in", data={"token": token}, headers={"Origin": "http://evil.example"}
        )
        assert page.status_code == 403
        assert "set-cookie" not in page.headers


async def test_signing_out_ends_the_session_and_not_only_the_cookie(api: ApiDriver) -> None:
    async with signed_in(api) as staff, browser(api) as copied:
        copied.cookies.update(staff.http.cookies)
        assert (await copied.get("/staff")).status_code == 200
        left = await staff.send("/staff/sign-out", at="/staff")
        assert (left.status_code, left.headers["location"]) == (303, "/staff/sign-in")
        assert (await copied.get("/staff")).status_code == 401


async def test_signing_in_again_ends_the_session_before(api: ApiDriver) -> None:
    async with signed_in(api, name="first") as staff, browser(api) as copied:
        copied.cookies.update(staff.http.cookies)
        assert (await sign_in(staff.http, api.tokens.add("second", SUPPORT))).status_code == 303
        assert (await copied.get("/staff")).status_code == 401
        assert "second" in (await staff.get("/staff")).text


async def test_a_revoked_token_ends_its_sessions_at_once(api: ApiDriver) -> None:
    async with signed_in(api, name="leaver") as staff, signed_in(api) as colleague:
        api.tokens.revoke("leaver")
        assert (await staff.get("/staff")).status_code == 401
        assert (await colleague.get("/staff")).status_code == 200


async def test_a_new_token_of_the_same_name_is_another(api: ApiDriver) -> None:
    async with signed_in(api, name="reused") as staff:
        api.tokens.revoke("reused")
        api.tokens.add("reused", OPERATOR)
        assert (await staff.get("/staff")).status_code == 401


async def unused_for(api: ApiDriver, time: timedelta) -> None:
    """As if nobody had used any session for so long."""
    row = record_web_sessions.c

    def work(connection: Connection) -> None:
        for found in connection.execute(record_web_sessions.select()).mappings().all():
            changed = update(record_web_sessions).where(row.session_hash == found["session_hash"])
            connection.execute(changed.values(seen_at=found["seen_at"] - time))

    await api.installation.record.write(work)


async def test_a_session_ends_after_half_an_hour_without_use(api: ApiDriver) -> None:
    async with signed_in(api) as staff:
        for _ in range(2):
            await unused_for(api, IDLE_LIMIT - timedelta(minutes=1))
            assert (await staff.get("/staff")).status_code == 200
        await unused_for(api, IDLE_LIMIT)
        assert (await staff.get("/staff")).status_code == 401


async def test_a_page_that_asks_by_itself_keeps_nobody_signed_in(api: ApiDriver) -> None:
    facts = f"/staff/closures/{await opened(api)}/facts"
    async with signed_in(api) as staff:
        await unused_for(api, timedelta(minutes=16))
        assert (await staff.get(facts)).status_code == 200
        await unused_for(api, timedelta(minutes=16))
        asked = await staff.get(facts)
        assert (asked.status_code, asked.headers["hx-redirect"]) == (401, "/staff/sign-in")
        assert (await staff.get("/staff")).status_code == 401


async def test_a_customer_s_cookie_opens_no_staff_page(api: ApiDriver) -> None:
    account = await api.account()
    link = await api.post("/portal-sessions", {"account_id": account.account_id, "user_id": "u-1"})
    async with browser(api) as customer:
        await customer.get(link.json()["url"])
        secret = customer.cookies["closure-session"]
        assert (await customer.get("/staff")).status_code == 401
        customer.cookies.set("closure-staff", secret, domain="console.example")
        assert (await customer.get("/staff")).status_code == 401


async def test_a_link_lets_in_once_where_the_installation_is_local(api: ApiDriver) -> None:
    link = await staff_link(api.installation.database, ORIGIN)
    async with browser(api) as visitor:
        entered = await visitor.get(link)
        assert (entered.status_code, entered.headers["location"]) == (303, "/staff")
        staff = StaffDriver(visitor, "local")
        assert "operator" in (await staff.get("/staff")).text
        assert (await staff.get("/staff/brake")).status_code == 200
        again = await visitor.get(link)
        assert again.status_code == 410
        assert "make up" in again.text


async def test_a_link_opens_nothing_where_the_installation_is_not_local(
    installation: TestInstallation, tmp_path: Path
) -> None:
    kind = {"kind": InstallationKind.PRODUCTION}
    record = Record(installation.database, installation.record.installation.model_copy(update=kind))
    async with opened_api(installation, tmp_path / "t.json", record=record) as api, browser(api) as stranger:
        await stranger.get(await staff_link(installation.database, ORIGIN))
        assert (await stranger.get("/staff")).status_code == 401
