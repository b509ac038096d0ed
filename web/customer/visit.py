"""A customer who looks at their pages: who they are, what they read, and what is known of their account."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Annotated, Final, TypeVar
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from client.client import ClosureClient
from closure.accounts import AccountProfile
from closure.lifecycle import Outcome
from closure.messages import IdentityMethod, StatusDocument
from closure.policy import Policy
from closure.translations import in_language
from records.identity import CLOCKS_DIFFER
from records.web_sessions import bind_session
from web.api.access import require_patience
from web.api.problems import require_within
from web.browser.forms import form_of, require_own_form
from web.browser.languages import Reader
from web.browser.refusals import Refusal
from web.browser.rendering import page, reader_for
from web.browser.sessions import Customer, CustomerSession
from web.customer.told import Told, leave_word, take_word, word_for
from web.service import WebService, service_of

HOME: Final = "/closure"
TOLD_ANEW: Final = frozenset({Outcome.DELETED, Outcome.DORMANT, Outcome.RESTORED})
"""Whoever comes anew is told of these; else they see what they could start."""

FormModel = TypeVar("FormModel", bound=BaseModel)


class Detour(Exception):
    """Another page is the answer than the one that was asked for."""

    def __init__(self, response: Response) -> None:
        super().__init__("another page is the answer")
        self.response = response


class PageRoute(APIRoute):
    """Routes of pages that may lead elsewhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        handle = super().get_route_handler()

        async def handle_detours(request: Request) -> Response:
            try:
                return await handle(request)
            except Detour as detour:
                return detour.response

        return handle_detours


def go_to(path: str) -> Response:
    """After a form, or where a page is not for now: the browser asks for another one."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


@dataclass(frozen=True)
class Procedure:
    """How the account is closed: by which rules, in the reader's language, and what the visitor is to it."""

    profile: AccountProfile
    policy: Policy
    role: str | None

    @property
    def may_close(self) -> bool:
        """Whether the visitor's role may close the account (A11, T1)."""
        return self.role in self.policy.eligibility.roles

    @property
    def may_approve(self) -> bool:
        """Whether it may be the second person's, where the policy wants one."""
        return self.policy.approval is not None and self.role in self.policy.approval.roles


@dataclass(frozen=True)
class Visit:
    """One request of a customer."""

    request: Request
    session: CustomerSession

    @cached_property
    def service(self) -> WebService:
        return service_of(self.request)

    @cached_property
    def reader(self) -> Reader:
        return reader_for(self.request, self.session)

    @cached_property
    def closures(self) -> ClosureClient:
        """The way in, in the reader's language."""
        return self.service.closures.in_language(self.reader.language)

    @property
    def account_id(self) -> str:
        return self.session.account_id

    @property
    def user_id(self) -> str:
        return self.session.user_id

    def page(
        self,
        template: str,
        values: Mapping[str, object],
        *,
        refusal: Refusal | None = None,
        status: int | None = None,
    ) -> Response:
        """A page of this room; with a `refusal` that it tells."""
        status = status or (refusal.status if refusal is not None else HTTPStatus.OK)
        shown = {**values, "refusal": refusal}
        response = page(self.request, f"customer/{template}", shown, session=self.session, status=status)
        return refusal.on(response) if refusal is not None else response

    @property
    def told(self) -> Told | None:
        """What became of the form that has led here, as long as no page has told it."""
        return word_for(self.request)

    def telling(self, response: Response) -> Response:
        """The page that tells it."""
        if self.told is not None:
            take_word(self.request, response)
        return response

    def lead_to(
        self,
        url: str,
        *,
        refusal: Refusal | None = None,
        sent: IdentityMethod | None = None,
        said: Mapping[str, str | tuple[str, ...]] = {},
    ) -> Response:
        """The answer to a form that was not taken, or that a code was sent for: the page to go on at."""
        response = go_to(url)
        told = Told(place=urlsplit(url).path, refusal=refusal, sent=sent, said=said)
        leave_word(self.request, response, told)
        return response

    async def form(self, model: type[FormModel]) -> FormModel:
        """What the form says; one of ours counts for what the account asks for.

        What another site has a browser send counts for the address alone: it keeps nobody of the account out.

        Raises:
            ForeignForm: another site, or another session's page, has sent it.
            Problem: 429.
            ValidationError: fields that can't be right.
        """
        await require_own_form(self.request, self.session)
        require_patience(self.service, self.account_id)
        return await form_of(self.request, model)

    async def procedure(self, closure_id: str | None = None) -> Procedure:
        """The rules: those of the closure, else those that a new one would run under.

        Raises:
            Refused: `ACCOUNT_NOT_FOUND` or `POLICY_NOT_FOUND`.
        """
        directory = self.service.platform.directory
        profile = await directory.profile(self.account_id)
        policy = (
            self.closures.policy_for(profile, None)
            if closure_id is None
            else await self.closures.records.policy(closure_id)
        )
        role = await directory.role_of(self.account_id, self.user_id)
        return Procedure(profile, in_language(policy, self.reader.language), role)

    def vouched_at(self, policy: Policy) -> datetime | None:
        """When the console verified the visitor, where the policy takes its word and it is fresh."""
        verified_at = self.session.visitor.verified_at
        if verified_at is None or IdentityMethod.SESSION not in policy.identity.methods:
            return None
        age = datetime.now(UTC) - verified_at
        return verified_at if -CLOCKS_DIFFER <= age <= policy.identity.proof_lifetime else None

    async def keep(self, *, closure_id: str | None, proof_id: str | None) -> None:
        """What the session has come to."""
        session = self.session.web
        await self.service.record.write(
            lambda each: bind_session(
                each, session, closure_id=closure_id, proof_id=proof_id, is_view_only=False
            )
        )

    async def status(self) -> StatusDocument | None:
        """How the closure stands that this visit is about; None where none is open.

        That is the account's open one, else the one that this session has come to, else how the last one
        ended where that still matters to who comes anew.
        """
        records = self.closures.records
        opened = await records.open_closure(self.account_id)
        if opened is not None:
            return await self.closures.status(closure_id=opened.closure_id)
        if self.session.web.closure_id is not None:
            return await self.closures.status(self.account_id, closure_id=self.session.web.closure_id)
        last = await records.last(self.account_id)
        if last is None or last.state.outcome not in TOLD_ANEW:
            return None
        return await self.closures.status(closure_id=last.closure_id)


async def _visit(request: Request, session: Customer) -> Visit:
    return Visit(request, session)


async def _acting(request: Request, session: Customer) -> Visit:
    """A visit that does something, which begins by its `form`: not too often, and not by who only looks.

    Raises:
        Problem: 429.
        Detour: to what may be seen.
    """
    address = request.client.host if request.client is not None else ""
    require_within(service_of(request).by_address, address)
    if session.web.is_view_only:
        raise Detour(go_to(HOME))
    return Visit(request, session)


Visiting = Annotated[Visit, Depends(_visit)]
Acting = Annotated[Visit, Depends(_acting)]
