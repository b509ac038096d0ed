"""Forms: sent by our own pages only, and read as models."""

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, TypeVar, get_origin
from urllib.parse import urlsplit

from fastapi import Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from web.browser.sessions import Session
from web.service import service_of

TOKEN_FIELD: Final = "form_token"
LANGUAGE_FIELD: Final = "language"

FormModel = TypeVar("FormModel", bound=BaseModel)


class ForeignForm(Exception):
    """The form does not come from a page of this session."""


async def read_form(request: Request, session: Session, model: type[FormModel]) -> FormModel:
    """What the form says; a field that may be repeated is declared as a tuple.

    Raises:
        ForeignForm: another site, or another session's page, has sent it.
        ValidationError: fields that can't be right.
    """
    await require_own_form(request, session)
    return await form_of(request, model)


async def require_own_form(request: Request, session: Session) -> None:
    """Passes for a form of this session's pages. Raises `ForeignForm`."""
    token = (await request.form()).get(TOKEN_FIELD)
    known = isinstance(token, str) and hmac.compare_digest(token.encode(), session.form_token.encode())
    if not known or not is_from_here(request):
        raise ForeignForm


async def read_first_form(request: Request, model: type[FormModel]) -> FormModel:
    """The form of somebody who has no session yet; else as `read_form`."""
    if not is_from_here(request):
        raise ForeignForm
    return await form_of(request, model)


async def form_of(request: Request, model: type[FormModel]) -> FormModel:
    """What the form says, whoever has sent it.

    Raises:
        HTTPException: 400, for a NUL somewhere.
        ValidationError: fields that can't be right.
    """
    fields = await request.form()
    if any("\x00" in value for _, value in fields.multi_items() if isinstance(value, str)):
        raise HTTPException(HTTPStatus.BAD_REQUEST)
    said: dict[str, str | tuple[str, ...]] = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        values = tuple(each for each in fields.getlist(key) if isinstance(each, str))
        if get_origin(field.annotation) is tuple:
            said[key] = values
        elif values:
            said[key] = values[-1]
    return model.model_validate(said)


def is_from_here(request: Request) -> bool:
    """Whether the browser says that the request comes from our own page, as far as it says anything."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    return origin is None or _is_ours(request, origin)


def place_of(request: Request) -> str:
    """Path and query where the reader is: of an answer to a form the page that the form was on.

    Without the language: whoever links there chooses it.
    """
    url = urlsplit(str(request.url))
    referer = request.headers.get("referer", "")
    if request.method == "POST" and _is_ours(request, referer):
        url = urlsplit(referer)
    kept = [each for each in url.query.split("&") if each and each.partition("=")[0] != LANGUAGE_FIELD]
    path = "/" + url.path.lstrip("/")  # with two slashes it would be another host's
    return f"{path}?{'&'.join(kept)}" if kept else path


def _is_ours(request: Request, url: str) -> bool:
    known = {service_of(request).url, f"http://{request.headers.get('host', '')}"}
    try:
        said = urlsplit(url)
    except ValueError:
        return False
    return f"{said.scheme}://{said.netloc}" in known


def quoted_fields(fields: Mapping[str, str]) -> Mapping[str, str]:
    """What a page shows again of a form that was refused, but for secrets."""
    return {name: value for name, value in fields.items() if name not in _SECRETS}


_SECRETS: Final = frozenset({TOKEN_FIELD, "code", "password", "totp"})
