"""Styles, scripts and pictures: served under a name that changes with their content, so kept for ever."""

import hashlib
import mimetypes
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

STATIC: Final = Path(__file__).resolve().parent.parent / "static"
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_PARTS: Final = 12

router = APIRouter(include_in_schema=False)


@cache
def _files() -> Mapping[str, bytes]:
    return {
        file.relative_to(STATIC).as_posix(): file.read_bytes() for file in STATIC.rglob("*") if file.is_file()
    }


@cache
def static_url(name: str) -> str:
    """Where a file is: ``style.css``, below ``web/static``.

    Raises:
        KeyError: there is none.
    """
    return f"/static/{hashlib.sha256(_files()[name]).hexdigest()[:_PARTS]}/{name}"


@router.get("/static/{version}/{name:path}")
async def read_file(request: Request, version: str, name: str) -> Response:
    """A file, as long as it is of the version that the page wants."""
    content = _files().get(name)
    if content is None or static_url(name) != request.url.path:
        raise HTTPException(404)
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(content, media_type=media_type, headers=_FOR_EVER)
