"""Every page there is, found by itself: a new one is closed to strangers, or is named here."""

from collections.abc import Iterator

from fastapi.routing import iter_route_contexts

from records.web_sessions import Audience, Visitor, begin_session
from tests.web.api_driver import ApiDriver
from tests.web.browser_driver import browser

FOR_EVERYBODY = {
    *("GET /healthz", "GET /readyz", "GET /api/docs", "GET /static/{version}/{name:path}"),
    *("GET /brand/{version}/brand.css", "GET /brand/{version}/logo"),
    *("GET /portal/{token}", "GET /staff/enter/{token}", "GET /staff/sign-in", "POST /staff/sign-in"),
    *(f"GET /certificate/{{token}}{each}" for each in ("", "/certificate.json", "/certificate.pdf")),
}
"""What needs no session: it shows nothing of an account, or its address is the secret that opens it."""


def pages(api: ApiDriver) -> Iterator[tuple[str, str]]:
    """Method and path of each."""
    for route in iter_route_contexts(api.application.routes):
        if route.path is not None and not route.path.startswith("/api/v1"):
            yield from ((method, route.path) for method in sorted(route.methods or ()))


def closed_pages(api: ApiDriver) -> Iterator[tuple[str, str]]:
    """Those that are not for everybody, with something in the place of ids."""
    for method, path in pages(api):
        if f"{method} {path}" not in FOR_EVERYBODY:
            yield method, path.replace("{turn}", "on").replace("{closure_id}", "closure-of-another")


async def session(api: ApiDriver, audience: Audience, account_id: str) -> str:
    """The secret of a new one."""
    visitor = Visitor(audience=audience, account_id=account_id, user_id="u-1")
    return await api.installation.record.write(lambda each: begin_session(each, visitor))


def test_what_is_open_to_everybody_is_there(still: ApiDriver) -> None:
    known = {f"{method} {path}" for method, path in pages(still)}
    assert known >= FOR_EVERYBODY
    assert len(known - FOR_EVERYBODY) > 30


async def test_no_other_page_answers_without_a_session(still: ApiDriver) -> None:
    async with browser(still) as stranger:
        answers = {
            f"{method} {path}": (await stranger.request(method, path)).status_code
            for method, path in closed_pages(still)
        }
    assert set(answers.values()) == {401}, answers


async def test_no_page_takes_the_cookie_of_the_other_kind(still: ApiDriver) -> None:
    account = await still.account()
    rooms = {Audience.CUSTOMER: "/closure", Audience.STAFF: "/staff"}
    for audience, room in rooms.items():
        secret = await session(still, audience, account.account_id)
        async with browser(still) as stranger:
            for name in ("closure-session", "closure-staff"):
                stranger.cookies.set(name, secret, domain="console.example")
            answers = {
                f"{method} {path}": (await stranger.request(method, path)).status_code
                for method, path in closed_pages(still)
                if not path.startswith(room)
            }
        assert answers
        assert set(answers.values()) == {401}, answers


async def test_no_form_is_taken_without_its_token(still: ApiDriver) -> None:
    account = await still.account()
    secret = await session(still, Audience.CUSTOMER, account.account_id)
    async with browser(still) as customer:
        customer.cookies.set("closure-session", secret, domain="console.example")
        answers = {
            path: (await customer.post(path, data={"form_token": "0" * 64})).status_code
            for method, path in closed_pages(still)
            if method == "POST" and path.startswith("/closure")
        }
    assert len(answers) > 5
    assert set(answers.values()) == {403}, answers
