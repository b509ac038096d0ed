"""The one screen of `/play`, and what its buttons do."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from closure.accounts import Access
from closure.errors import RefusalType, Refused
from closure.messages import StatusDocument
from connectors.embedded.account_file import User
from connectors.embedded.exhibit import SentMessage, ShownAccount
from local.fast_forward import NotSupported, Overtaken
from local.play.samples import Placed, placed
from local.play.world import CannotHappen, Chance, Deed, Leap, World, chances
from records.web_sessions import Audience, Visitor, add_link
from web.browser.forms import ForeignForm, is_from_here
from web.browser.rendering import page
from web.service import WebService, service_of

_FORM_TOKEN: Final = secrets.token_urlsafe()
"""Nobody signs in here: what keeps other sites' forms out is that they don't know it."""
_MAY_CLOSE: Final = frozenset({"main", "owner"})
_MAIL_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"
)


_MAIL_HEADERS: Final = {"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}


@dataclass(frozen=True)
class Stand:
    """A sample account on the screen, with its closure where it has one."""

    placed: Placed
    account: ShownAccount
    status: StatusDocument | None

    @property
    def is_gone(self) -> bool:
        return self.account.access is Access.CLOSED

    @property
    def people(self) -> tuple[User, ...]:
        """Its users, whoever may close it first."""
        return tuple(sorted(self.account.users, key=lambda each: each.role not in _MAY_CLOSE))


@dataclass(frozen=True)
class Screen:
    """All that is shown. `version` changes when anything of it does.

    `certificate` is where the last mail of a deleted account leads: the deletion has blanked that mail, too.
    """

    stands: tuple[Stand, ...]
    chosen: Stand
    mails: tuple[SentMessage, ...]
    chances: tuple[Chance, ...]
    certificate: str | None
    version: str


def play_router(world: World) -> APIRouter:
    """The pages of `/play`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/play")
    async def show(request: Request, account: str | None = None, said: str | None = None) -> Response:
        screen = await _screen(world, service_of(request), account)
        values = {
            "screen": screen,
            "leaps": tuple(Leap),
            "deeds": Deed,
            "pays_back": world.pays_back(screen.chosen.account),
            "said": _SAID.get(said or ""),
            "form_token": _FORM_TOKEN,
        }
        return page(request, "play/play.html", values)

    @router.get("/play/changes")
    async def show_changes(request: Request, account: str, seen: str) -> Response:
        """Has the open page load itself again when something has changed."""
        screen = await _screen(world, service_of(request), account)
        headers = {} if screen.version == seen else {"HX-Refresh": "true"}
        return Response(status_code=HTTPStatus.OK if headers else HTTPStatus.NO_CONTENT, headers=headers)

    @router.get("/play/mails/{mail_id}")
    async def show_mail(account: str, mail_id: int) -> Response:
        """A mail as a reader of mail shows it: apart from our pages, with no script."""
        for each in await world.mails(account):
            if each.id == mail_id:
                return HTMLResponse(each.html or "", headers=_MAIL_HEADERS)
        raise Refused(RefusalType.ACCOUNT_NOT_FOUND, "there is no such mail")

    @router.post("/play/fresh")
    async def begin_anew(request: Request, form_token: Annotated[str, Form()]) -> Response:
        _require_own(request, form_token)
        await world.fresh_set()
        return _back(None)

    @router.post("/play/open")
    async def open_as_customer(
        request: Request,
        form_token: Annotated[str, Form()],
        account: Annotated[str, Form()],
        user: Annotated[str, Form()],
    ) -> Response:
        """As the provider's console does for a customer who has signed in there."""
        _require_own(request, form_token)
        await world.account(account)
        service = service_of(request)
        back = f"{service.url}/play?{urlencode({'account': account})}"
        visitor = Visitor(Audience.CUSTOMER, account_id=account, user_id=user, return_url=back)
        secret, _ = await service.record.write(lambda each: add_link(each, visitor))
        return RedirectResponse(f"/portal/{secret}", HTTPStatus.SEE_OTHER)

    @router.post("/play/staff")
    async def open_as_staff(request: Request, form_token: Annotated[str, Form()]) -> Response:
        _require_own(request, form_token)
        visitor = Visitor(Audience.STAFF, is_operator=True)
        secret, _ = await service_of(request).record.write(lambda each: add_link(each, visitor))
        return RedirectResponse(f"/staff/enter/{secret}", HTTPStatus.SEE_OTHER)

    @router.post("/play/happen")
    async def have_happen(
        request: Request,
        form_token: Annotated[str, Form()],
        account: Annotated[str, Form()],
        deed: Annotated[Deed, Form()],
        thing: Annotated[str, Form()] = "",
    ) -> Response:
        _require_own(request, form_token)
        try:
            await world.play(account, deed, thing.strip())
        except (CannotHappen, Refused):
            return _back(account, "impossible")
        return _back(account, "happened")

    @router.post("/play/clock")
    async def move_clock(
        request: Request,
        form_token: Annotated[str, Form()],
        account: Annotated[str, Form()],
        leap: Annotated[Leap, Form()],
    ) -> Response:
        _require_own(request, form_token)
        status = await _status(service_of(request), account)
        if status is None or status.outcome is not None:
            return _back(account, "no-clock")
        try:
            await world.leap(status, leap)
        except (CannotHappen, NotSupported, Overtaken):
            return _back(account, "stands-still")
        return _back(account, "moved")

    return router


_SAID: Final = {
    "happened": "Done. A closure that waits for it looks again when its customer presses Recheck.",
    "impossible": "That can't happen now.",
    "no-clock": "There is no open closure whose clock could be moved.",
    "stands-still": "The clock did not move: the closure waits for something other than time.",
    "moved": "The closure's clock has moved.",
}


async def _screen(world: World, service: WebService, account_id: str | None) -> Screen:
    number = await world.current_set()
    stands = tuple([await _stand(world, service, each) for each in placed(number)])
    chosen = next((each for each in stands if each.placed.account_id == account_id), stands[0])
    mails = tuple(reversed(await world.mails(chosen.placed.account_id)))
    seen = [
        *((each.placed.account_id, _facts(each.status)) for each in stands),
        *(each.id for each in mails),
        chosen.account.model_dump_json(),
    ]
    version = hashlib.sha256(repr(seen).encode()).hexdigest()[:16]
    return Screen(stands, chosen, mails, chances(chosen.account), _certificate(service, chosen), version)


def _certificate(service: WebService, stand: Stand) -> str | None:
    if not stand.is_gone or stand.status is None or stand.status.certificate_id is None:
        return None
    return service.certificate_links.link(stand.status.closure_id, datetime.now(UTC)).path


def _facts(status: StatusDocument | None) -> str:
    """Of what is shown, all but the time that is left."""
    return "" if status is None else status.model_dump_json(exclude={"remaining_seconds"})


async def _stand(world: World, service: WebService, each: Placed) -> Stand:
    account = await world.account(each.account_id)
    return Stand(each, account, await _status(service, each.account_id))


async def _status(service: WebService, account_id: str) -> StatusDocument | None:
    try:
        return await service.closures.status(account_id)
    except Refused as refused:
        if refused.type is not RefusalType.CLOSURE_NOT_FOUND:
            raise
        return None


def _require_own(request: Request, form_token: str) -> None:
    """Passes for forms of our own page. Raises `ForeignForm`."""
    if not secrets.compare_digest(form_token.encode(), _FORM_TOKEN.encode()) or not is_from_here(request):
        raise ForeignForm


def _back(account_id: str | None, said: str | None = None) -> Response:
    fields = {"account": account_id, "said": said}
    query = urlencode({name: value for name, value in fields.items() if value})
    return RedirectResponse(f"/play?{query}", HTTPStatus.SEE_OTHER)
