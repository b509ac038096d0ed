"""Routes of the API: the caller comes first, and a request with an `Idempotency-Key` is carried out once.

What is kept for a day (`records.idempotency`) is hashed and sealed with the caller's token: who reads the
record learns neither the request, which may hold a password, nor the answer.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from records import idempotency
from records.record import Record
from web.api.access import Caller, authenticated
from web.api.bodies import require_single_members
from web.api.problems import TRY_AGAIN_AFTER, Problem, ProblemType, invalid_field, problem_response
from web.query_names import query_names
from web.service import service_of

KEY_HEADER: Final = "Idempotency-Key"
KEY: Final = r"^[\x21-\x7e]{1,200}$"
REPEATED_HEADER: Final = "Idempotency-Replayed"

_KEPT_HEADERS: Final = ("content-type", "location")
_NONCE: Final = 12
_LOOK: Final = 0.2
_PATIENCE: Final = 20.0
"""Seconds for which a repeat waits for the first to be answered."""
_NOT_KEPT: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})


class ApiRoute(APIRoute):
    """A call of the API. What it doesn't know is refused: a misspelt filter would list everything."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[None, None, Response]]:
        call = super().get_route_handler()
        known = frozenset(query_names(self.dependant))

        async def answer(request: Request) -> Response:
            _require_known(request, known)
            return await call(request)

        async def handle(request: Request) -> Response:
            caller = authenticated(request)
            request.state.authenticated = caller
            require_single_members(await request.body())
            key = request.headers.get(KEY_HEADER)
            if request.method != "POST" or key is None or not re.match(KEY, key):
                return await answer(request)  # which refuses a key that is none
            return await _once(service_of(request).record, caller, key, request, partial(answer, request))

        return handle


def _require_known(request: Request, known: frozenset[str]) -> None:
    """Raises Problem (422) for a parameter that the call doesn't have, or that stands there twice."""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in known:
            raise invalid_field("query", name, "there is no such parameter")
        if names.count(name) > 1:
            raise invalid_field("query", name, "is there twice")


async def _once(
    record: Record, caller: Caller, key: str, request: Request, act: Callable[[], Awaitable[Response]]
) -> Response:
    seal = _Seal(caller.secret, key)
    said = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    kept = await _begin(record, seal.key_hash, seal.hash_of(said))
    if kept is not None:
        return seal.open(kept)
    try:
        answer = await _answer(act)
    except BaseException:
        await record.write(lambda each: idempotency.forget(each, seal.key_hash))
        raise
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status_code in _NOT_KEPT:
        await record.write(lambda each: idempotency.forget(each, seal.key_hash))
    else:
        await record.write(lambda each: idempotency.finish(each, seal.key_hash, seal.close(answer)))
    return answer


async def _begin(record: Record, key_hash: str, request_hash: str) -> bytes | None:
    """What is kept; None when the request is to be carried out."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while True:
        try:
            return await record.write(lambda each: idempotency.begin(each, key_hash, request_hash))
        except idempotency.OtherRequest:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                ProblemType.IDEMPOTENCY_KEY_REUSED,
                "this idempotency key came with another request before; take a new one",
            ) from None
        except idempotency.StillCarriedOut:
            if asyncio.get_running_loop().time() > deadline:
                raise Problem(
                    HTTPStatus.CONFLICT,
                    ProblemType.IDEMPOTENCY_KEY_IN_USE,
                    "the same request is still being carried out",
                    headers={"Retry-After": str(TRY_AGAIN_AFTER)},
                ) from None
        await asyncio.sleep(_LOOK)


async def _answer(act: Callable[[], Awaitable[Response]]) -> Response:
    """A refusal is an answer, too."""
    try:
        return await act()
    except Exception as error:
        answer = problem_response(error)
        if answer is None:
            raise
        return answer


class _Seal:
    """Hashes and encrypts with a secret of the caller's that is kept nowhere."""

    def __init__(self, secret: str, key: str) -> None:
        self._secret = hmac.digest(secret.encode(), f"idempotency/{key}".encode(), "sha256")

    @property
    def key_hash(self) -> str:
        return hashlib.sha256(self._secret).hexdigest()

    def hash_of(self, request: bytes) -> str:
        return hmac.digest(self._secret, b"request/" + request, "sha256").hex()

    def close(self, answer: Response) -> bytes:
        headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
        body = base64.b64encode(bytes(answer.body)).decode()
        text = json.dumps({"status": answer.status_code, "headers": headers, "body": body})
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher().encrypt(nonce, text.encode(), None)

    def open(self, kept: bytes) -> Response:
        kept_answer = json.loads(self._cipher().decrypt(kept[:_NONCE], kept[_NONCE:], None))
        headers = {**kept_answer["headers"], REPEATED_HEADER: "true"}
        return Response(base64.b64decode(kept_answer["body"]), kept_answer["status"], headers)

    def _cipher(self) -> AESGCM:
        return AESGCM(hmac.digest(self._secret, b"answer", "sha256"))
