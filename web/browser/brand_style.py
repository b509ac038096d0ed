"""The provider's colours as a stylesheet, and their logo: as `web.browser.static_files`, by content."""

import hashlib
from functools import lru_cache
from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from closure.brand import Brand
from web.service import service_of

_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_PARTS: Final = 12

router = APIRouter(include_in_schema=False)


def style_url(brand: Brand) -> str:
    """Where the provider's colours are."""
    return f"/brand/{_version(_style(brand).encode())}/brand.css"


def logo_url(brand: Brand) -> str | None:
    """Where the provider's logo is, if there is one."""
    return None if brand.logo is None else f"/brand/{_version(brand.logo.content)}/logo"


@router.get("/brand/{version}/brand.css")
async def read_style(request: Request, version: str) -> Response:
    """The colours, of the version that the page wants."""
    style = _style(service_of(request).brand).encode()
    if version != _version(style):
        raise HTTPException(404)
    return Response(style, media_type="text/css", headers=_FOR_EVER)


@router.get("/brand/{version}/logo")
async def read_logo(request: Request, version: str) -> Response:
    """The logo, of the version that the page wants. An SVG may style itself, and nothing else."""
    logo = service_of(request).brand.logo
    if logo is None or version != _version(logo.content):
        raise HTTPException(404)
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
    return Response(logo.content, media_type=logo.media_type.value, headers={**_FOR_EVER, **policy})


@lru_cache(maxsize=8)
def _style(brand: Brand) -> str:
    light = f":root{{--accent:{brand.accent};--on-accent:{brand.on_accent};--link:{brand.link}}}"
    dark = (
        f":root{{--accent:{brand.accent_dark};--on-accent:{brand.on_accent_dark};--link:{brand.link_dark}}}"
    )
    return f"{light}\n@media (prefers-color-scheme: dark){{{dark}}}\n"


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_PARTS]
