"""`POST /portal-sessions`: a link for a customer whom the provider's console has signed in."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Security
from pydantic import Field, HttpUrl

from closure.languages import LANGUAGE
from closure.model import Instant, Model, WireModel
from records.identity import CLOCKS_DIFFER
from records.web_sessions import Audience, Visitor, add_link
from web.api.access import Caller, account_not_found, permitted, require_account, require_patience
from web.api.bodies import Identifier, Verified
from web.api.description import ACTING, Service, takes_idempotency_key
from web.api.once import ApiRoute
from web.api.problems import invalid_field
from web.token_file import Scope

_LONGEST_URL: Final = 2_000

router = APIRouter(
    route_class=ApiRoute, tags=["portal"], dependencies=[Depends(takes_idempotency_key)], responses=ACTING
)

PortalCaller = Annotated[Caller, Security(permitted, scopes=[Scope.PORTAL.value])]


class NewPortalSession(Model):
    """Who comes; `return_url` is where the pages lead back to, `language` what they read."""

    account_id: Identifier
    user_id: Identifier
    return_url: Annotated[HttpUrl, Field(max_length=_LONGEST_URL)] | None = None
    language: Annotated[str, Field(pattern=LANGUAGE, max_length=40)] | None = None
    verified: Verified | None = None


class PortalLink(WireModel):
    """Opens the pages once, until `expires_at`: send the browser there at once."""

    url: str
    expires_at: Instant


@router.post("/portal-sessions", status_code=HTTPStatus.CREATED)
async def open_portal(service: Service, caller: PortalCaller, body: NewPortalSession) -> PortalLink:
    """Makes a link to the closure's pages for a customer whom you have signed in: good once, for 60 s."""
    await require_account(service, caller, body.account_id)
    if await service.platform.directory.role_of(body.account_id, body.user_id) is None:
        raise account_not_found(body.account_id)
    if body.verified is not None:
        _require_past(body.verified.at)
    require_patience(service, body.account_id)
    visitor = Visitor(
        audience=Audience.CUSTOMER,
        account_id=body.account_id,
        user_id=body.user_id,
        language=body.language,
        return_url=str(body.return_url) if body.return_url else None,
        verified_at=body.verified.at if body.verified else None,
    )
    secret, expires_at = await service.record.write(lambda each: add_link(each, visitor))
    return PortalLink(url=f"{service.url}/portal/{secret}", expires_at=expires_at)


def _require_past(verified_at: datetime) -> None:
    """Nobody has been verified in the future, as far as clocks agree; how old is too old is the policy's.

    Raises:
        Problem: 422.
    """
    if verified_at - datetime.now(UTC) > CLOCKS_DIFFER:
        raise invalid_field("body", "verified.at", "lies in the future")
