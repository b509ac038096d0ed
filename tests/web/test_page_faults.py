"""Pages that say what went wrong, and the files that every page needs."""

import re
from collections.abc import AsyncIterator

import pytest
from babel.messages.catalog import Catalog

from tests.web.api_driver import ApiDriver, problem
from tests.web.browser_driver import browser
from tests.web.staff_driver import SUPPORT, signed_in
from tests.web.visitors import visiting
from web.application import BODY_LIMIT
from web.browser.languages import LANGUAGES, catalogues


async def test_a_path_that_leads_nowhere_is_a_page_for_people_and_a_problem_for_programs(
    api: ApiDriver,
) -> None:
    async with browser(api) as visitor:
        page = await visitor.get("/nowhere", headers={"Accept-Language": "zh-CN,en;q=0.5"})
        assert page.status_code == 404
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert '<html lang="zh">' in page.text
        assert "这里没有内容" in page.text
        answer = await visitor.get("/api/v1/nowhere")
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_page_takes_nothing_from_elsewhere_and_is_framed_by_nobody(api: ApiDriver) -> None:
    async with browser(api) as visitor:
        page = await visitor.get("/nowhere")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert "style=" not in page.text
        for address in re.findall(r'(?:src|href)="(/(?:static|brand)/[^"]+)"', page.text):
            file = await visitor.get(address)
            assert file.status_code == 200
            assert "immutable" in file.headers["cache-control"]


async def test_a_file_of_another_version_is_not_there(api: ApiDriver) -> None:
    async with browser(api) as visitor:
        for path in (
            "/static/000000000000/styles/base.css",
            "/brand/000000000000/brand.css",
            "/static/x/../y",
        ):
            assert (await visitor.get(path)).status_code == 404


async def test_a_language_that_was_chosen_is_remembered(api: ApiDriver) -> None:
    async with browser(api) as visitor:
        assert '<html lang="en">' in (await visitor.get("/nowhere?language=xx")).text
        assert '<html lang="zh">' in (await visitor.get("/nowhere?language=zh")).text
        assert '<html lang="zh">' in (await visitor.get("/nowhere")).text


async def test_a_link_elsewhere_chooses_the_language_of_one_page(api: ApiDriver) -> None:
    async with browser(api) as visitor:
        followed = await visitor.get("/nowhere?language=zh", headers={"Sec-Fetch-Site": "cross-site"})
        assert '<html lang="zh">' in followed.text
        assert "set-cookie" not in followed.headers
        assert '<html lang="en">' in (await visitor.get("/nowhere")).text


@pytest.mark.parametrize("is_announced", [True, False])
async def test_what_is_too_large_is_a_page_for_people_and_a_problem_for_programs(
    api: ApiDriver, is_announced: bool
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT // 1024 + 1):
            yield b"x" * 1024

    large = b"x" * (BODY_LIMIT + 1)
    async with browser(api) as visitor:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        content = large if is_announced else parts()
        page = await visitor.post("/staff/sign-in", content=content, headers=headers)
        assert page.status_code == 413
        assert "That was too much at once" in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        content = large if is_announced else parts()
        answer = await api.http.post("/api/v1/portal-sessions", content=content, headers=headers)
        problem(answer, 413, "BodyTooLarge")


def test_catalogues_agree_with_each_other_and_leave_nothing_empty() -> None:
    for language in LANGUAGES:
        known: dict[object, object] = {}
        for catalogue in catalogues(language):
            assert isinstance(catalogue, Catalog)
            for message in catalogue:
                if message.id:
                    assert message.string, message.id
                    assert not message.fuzzy, message.id
                    assert known.setdefault(message.id, message.string) == message.string


async def test_where_only_forms_go_trying_again_leads_to_a_page(still: ApiDriver) -> None:
    account = await still.installation.account()
    async with visiting(still, account) as customer:
        for form in ("start", "recheck", "confirm", "approve"):
            answer = await customer.get(f"/closure/{form}")
            assert (answer.status_code, answer.headers["location"]) == (303, "/closure"), form
    async with signed_in(still, *SUPPORT) as staff:
        for form in ("search", "sign-out"):
            answer = await staff.get(f"/staff/{form}")
            assert (answer.status_code, answer.headers["location"]) == (303, "/staff"), form
