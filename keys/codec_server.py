"""`python -m keys.codec_server`: decodes payloads for people who may see them, in the Temporal Web UI or CLI.

Nothing of what it decodes is logged or kept. It seals nothing: it can't know for which workflow it would.
What says nothing, such as the Web UI's `recheck`, goes through it plain, as the worker takes it.
"""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvicorn
from google.protobuf import json_format
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads

from keys.codec_access import (
    COOKIE,
    PAGE_HEADERS,
    SESSION,
    CodecAccess,
    codec_access,
    sign_in_page,
    token_of_form,
)
from keys.data_converter import configured_keys
from keys.payload_cipher import PayloadCipher, is_encrypted
from keys.payload_codec import says_nothing
from keys.payload_faults import PayloadFault
from keys.secret_file import SecretFault
from log_output import configure_logging
from settings import Settings, setting_fault

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes; Temporal refuses payloads above 2 MB."""
FORM_LIMIT = 4096
ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")

logger = structlog.stdlib.get_logger("codec")


class TooLarge(Exception):
    """The request's body is beyond the limit."""


class SaysSomething(Exception):
    """A payload to be sent has content."""


@dataclass(frozen=True)
class CodecServer:
    """What the routes share. `namespaces`: whose payloads are decoded; empty for every namespace's."""

    cipher: PayloadCipher
    access: CodecAccess
    origins: frozenset[str] = field(default_factory=frozenset)
    namespaces: frozenset[str] = field(default_factory=frozenset)

    def application(self) -> Starlette:
        routes = [
            Route("/health", self.health),
            Route("/", self.welcome),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/decode", self.decode, methods=["POST"]),
            Route("/encode", self.encode, methods=["POST"]),
        ]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=sorted(self.origins),
            allow_credentials=True,
            allow_methods=["POST"],
            allow_headers=["content-type", "x-namespace", "authorization", "authorization-extras"],
        )
        return Starlette(routes=routes, middleware=[cors])

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def welcome(self, request: Request) -> Response:
        signed_in = self._is_allowed(request)
        return HTMLResponse(sign_in_page("Signed in." if signed_in else ""), headers=PAGE_HEADERS)

    async def sign_in(self, request: Request) -> Response:
        try:
            body = await _body(request, FORM_LIMIT)
            token = token_of_form(body)
        except (TooLarge, ValueError):
            token = ""
        if not self.access.is_token(token):
            page = sign_in_page("This token is not right.")
            return HTMLResponse(page, HTTPStatus.UNAUTHORIZED, headers=PAGE_HEADERS)
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER, headers=PAGE_HEADERS)
        response.set_cookie(
            COOKIE,
            self.access.new_session(),
            max_age=int(SESSION.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    async def decode(self, request: Request) -> Response:
        """What can't be opened goes back as it came: the page shows it encrypted, with its key's id."""
        return await self._transformed(request, self._opened)

    async def encode(self, request: Request) -> Response:
        """Refuses what says something."""
        return await self._transformed(request, _passed)

    def _opened(self, payload: Payload) -> Payload:
        if not is_encrypted(payload):
            return payload
        try:
            return self.cipher.open(payload, None)
        except PayloadFault as fault:
            logger.warning("a payload stays encrypted", reason=str(fault))
            return payload

    async def _transformed(self, request: Request, transform: Callable[[Payload], Payload]) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and origin not in self.origins:
            return _refused(HTTPStatus.FORBIDDEN, "this origin is not among those that may ask")
        if not self._is_allowed(request):
            return _refused(
                HTTPStatus.UNAUTHORIZED, "sign in at this server's page, or send its bearer token"
            )
        if self.namespaces and request.headers.get("x-namespace") not in self.namespaces:
            return _refused(HTTPStatus.FORBIDDEN, "this namespace is not among those that are decoded")
        try:
            body = await _body(request, BODY_LIMIT)
            document = json.loads(body)
            if not isinstance(document, dict):  # the parser below takes an empty list for an empty message
                raise ValueError("no object")
            payloads = json_format.ParseDict(document, Payloads()).payloads
        except TooLarge:
            return _refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {BODY_LIMIT} bytes"
            )
        except (json_format.ParseError, ValueError, RecursionError):
            return _refused(HTTPStatus.BAD_REQUEST, "the body is no JSON document of payloads")
        try:
            answer = Payloads(payloads=[transform(payload) for payload in payloads])
        except SaysSomething:
            return _refused(
                HTTPStatus.FORBIDDEN, "from here only an empty payload can be sent, such as recheck's"
            )
        return Response(
            json_format.MessageToJson(answer, indent=None),
            media_type="application/json",
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )

    def _is_allowed(self, request: Request) -> bool:
        return self.access.accepts(request.headers.get("authorization", ""), request.cookies.get(COOKIE, ""))


def _passed(payload: Payload) -> Payload:
    if not says_nothing(payload):
        raise SaysSomething
    return payload


async def _body(request: Request, limit: int) -> bytes:
    """Raises TooLarge as soon as the limit is passed, whatever length was announced."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge
    return bytes(body)


def _refused(status: HTTPStatus, reason: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
    return JSONResponse({"message": reason}, status, headers=headers)


def codec_server(settings: Settings, origins: list[str], namespaces: list[str]) -> CodecServer:
    """The server that the settings describe.

    Raises:
        SecretFault: keys or token are missing or can't be used.
    """
    keys = configured_keys(settings)
    if keys is None:
        raise SecretFault("the codec server needs payload keys: set CLOSURE_PAYLOAD_KEYS_FILE")
    return CodecServer(PayloadCipher(keys), codec_access(settings), frozenset(origins), frozenset(namespaces))


def _origin(text: str) -> str:
    origin = text.rstrip("/")
    if not ORIGIN.fullmatch(origin):
        raise typer.BadParameter(f"{text!r} is no origin such as http://localhost:8080")
    return origin


def main(
    origin: Annotated[
        list[str] | None,
        typer.Option(parser=_origin, metavar="URL", help="A Web UI that may ask; give it for each one."),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8081,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    namespace: Annotated[
        list[str] | None, typer.Option(help="Decode only these namespaces' payloads. [default: all]")
    ] = None,
    tls_certificate: Annotated[Path | None, typer.Option(exists=True, dir_okay=False)] = None,
    tls_key: Annotated[Path | None, typer.Option(exists=True, dir_okay=False)] = None,
) -> None:
    """Decodes payloads for the Temporal Web UI (sign in at http://HOST:PORT/) and the CLI (bearer token)."""
    if (tls_certificate is None) is not (tls_key is None):
        raise typer.BadParameter("--tls-certificate and --tls-key belong together")
    try:
        settings = Settings()
        server = codec_server(settings, origin or [], namespace or [])
    except SecretFault as fault:
        sys.stderr.write(f"error: {fault}\n")
        raise typer.Exit(2) from fault
    except ValidationError as error:
        sys.stderr.write(f"error: {setting_fault(error)}\n")
        raise typer.Exit(2) from error
    configure_logging(settings.log_format)
    logger.info("codec server listens", host=host, port=port, origins=sorted(server.origins))
    uvicorn.run(
        server.application(),
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        ssl_certfile=tls_certificate,
        ssl_keyfile=tls_key,
    )


if __name__ == "__main__":
    command = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    command.command()(main)
    command(prog_name="python -m keys.codec_server")
