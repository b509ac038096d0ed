"""Pages out of templates, in the reader's language, with the headers that a page needs."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from closure.brand import Brand
from closure.languages import spoken_language
from web.browser.brand_style import logo_url, style_url
from web.browser.forms import LANGUAGE_FIELD, TOKEN_FIELD, is_from_here, place_of
from web.browser.languages import LANGUAGES, Reader, language_of, reader_of
from web.browser.sessions import Session
from web.browser.static_files import static_url
from web.service import WebService, service_of

TEMPLATES: Final = Path(__file__).resolve().parent.parent / "templates"
_LANGUAGE_COOKIE: Final = "closure-language"
_NAMED_COOKIE: Final = "closure-language-named"
_LANGUAGE_KEPT: Final = 365 * 24 * 3600


def page(
    request: Request,
    template: str,
    values: Mapping[str, object],
    *,
    session: Session | None = None,
    status: int = HTTPStatus.OK,
) -> Response:
    """A whole page; templates extend `base.html`.

    Args:
        request: tells the service and the reader's language.
        template: its path below `web/templates`.
        values: what it shows. Every page has also `reader`, `brand`, `session` and `form_token`.
        session: of the browser, where it has one.
        status: of HTTP.
    """
    service = service_of(request)
    reader = reader_for(request, session)
    content = rendered(request, template, values, session=session)
    response = HTMLResponse(content, status, {**page_headers(service), "Content-Language": reader.language})
    _remember_language(request, response, service)
    return response


def rendered(
    request: Request, template: str, values: Mapping[str, object], *, session: Session | None = None
) -> str:
    """A template's text: of a page, or of a part that is sent to one that is open."""
    service = service_of(request)
    reader = reader_for(request, session)
    known = {
        "reader": reader,
        "brand": service.brand,
        "brand_name": _brand_name(service.brand, reader),
        "brand_style_url": style_url(service.brand),
        "logo_url": logo_url(service.brand),
        "languages": LANGUAGES,
        "session": session,
        "token_field": TOKEN_FIELD,
        "form_token": session.form_token if session is not None else "",
        "here": place_of(request),
        "is_answer_to_form": request.method == "POST",
        "is_local": service.is_local,
    }
    return _environment(reader.language).get_template(template).render({**known, **values})


def reader_for(request: Request, session: Session | None = None) -> Reader:
    """The language that the reader chose here, else that of their session, else their browser's."""
    chosen = request.query_params.get(LANGUAGE_FIELD) or request.cookies.get(_LANGUAGE_COOKIE)
    if not chosen:
        named = getattr(request.state, "language", request.cookies.get(_NAMED_COOKIE))
        chosen = session.visitor.language if session is not None else named
    return reader_of(language_of(request, chosen))


def _brand_name(brand: Brand, reader: Reader) -> str:
    """A provider's own name is never translated; nobody's is."""
    return brand.name if "name" in brand.model_fields_set else reader.text("Account closure")


def page_headers(service: WebService) -> dict[str, str]:
    """Nothing from elsewhere, no script within a page, framed by nobody but those who are named."""
    ancestors = service.frame_ancestors or "'none'"
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )
    return {
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        # With "no-referrer" browsers say "null" for where a form comes from, even to the site itself.
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        **({} if service.frame_ancestors else {"X-Frame-Options": "DENY"}),
    }


def _remember_language(request: Request, response: Response, service: WebService) -> None:
    """What the reader has chosen here: a link elsewhere chooses for the page that it leads to alone."""
    chosen = request.query_params.get(LANGUAGE_FIELD)
    if chosen is not None and chosen in LANGUAGES and is_from_here(request):
        _keep_language(response, service, _LANGUAGE_COOKIE, chosen)


def remember_named_language(response: Response, service: WebService, named: str | None) -> None:
    """What their console says that they read: for pages that can't read the session."""
    _keep_language(response, service, _NAMED_COOKIE, spoken_language(LANGUAGES, named or "") or "")


def _keep_language(response: Response, service: WebService, cookie: str, language: str) -> None:
    response.set_cookie(
        cookie,
        language,
        max_age=_LANGUAGE_KEPT,
        path="/",
        secure=service.is_behind_tls,
        httponly=True,
        samesite="lax",
    )


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(reader_of(language).translations, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["static_url"] = static_url
    return environment
