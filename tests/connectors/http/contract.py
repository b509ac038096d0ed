"""`openapi.yaml` as data, and a watch over what goes to and fro: everything has to be as it says."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import connectors.http
from connectors.http.operations import VERSION_PATH

CONTRACT: Mapping[str, Any] = yaml.safe_load(
    Path(connectors.http.__path__[0], "openapi.yaml").read_text(encoding="utf-8")
)


def resolved(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference leads to."""
    if "$ref" not in described:
        return described
    part: Any = CONTRACT
    for name in described["$ref"].removeprefix("#/").split("/"):
        part = part[name]
    return resolved(part)


@cache
def _validator(path: str, method: str, status: int | None) -> jsonschema_rs.Validator | None:
    """Of an answer's body, or (None) a request's; None where there is none."""
    operation = CONTRACT["paths"][path][method.lower()]
    if status is None:
        described = operation.get("requestBody", {})
    else:
        responses = operation["responses"]
        described = resolved(responses.get(str(status), responses["default"]))
    content = described.get("content", {})
    if not content:
        return None
    (media,) = content.values()
    schema = {**media["schema"], "components": CONTRACT["components"]}
    return jsonschema_rs.validator_for(schema, validate_formats=True)


class Watched:
    """Lets through what the contract allows; `broken` has all else."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self.broken: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"].removeprefix(VERSION_PATH), scope["method"]
        asked, answered = bytearray(), bytearray()
        status = 0

        async def watched_receive() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def watched_send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            answered.extend(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body"):
                if status < 400:
                    self._check(path, method, None, bytes(asked))
                self._check(path, method, status, bytes(answered))
            await send(message)

        await self._application(scope, watched_receive, watched_send)

    def _check(self, path: str, method: str, status: int | None, body: bytes) -> None:
        if method.lower() not in CONTRACT["paths"].get(path, {}):
            return  # an operation's status, or none of the contract's
        validator = _validator(path, method, status)
        if validator is None:
            if body:
                self.broken.append(f"{method} {path} {status}: a body")
            return
        document = json.loads(body)
        self.broken += [
            f"{method} {path} {status}: {each.message}" for each in validator.iter_errors(document)
        ]
