"""Callbacks of a provider's service: signed as our requests are, by the same keys, within the same window."""

from typing import Annotated

from pydantic import Field

from closure.model import WireModel
from connectors.faults import CallbackRefused
from connectors.http.signatures import SignatureRefused, SignedParts, Verifier
from connectors.ports import Callback


class OperationDone(WireModel):
    """The body of `operation.done`; nothing else in it counts."""

    idempotency_key: Annotated[str, Field(pattern=r"^[ -~]{1,1000}$")]


class SignedCallbacks:
    """Implements `connectors.ports.Callbacks`."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def effect_done(self, callback: Callback) -> str:
        parts = SignedParts(callback.method, callback.target, callback.body)
        try:
            self._verifier.verify(parts, callback.headers)
        except SignatureRefused as refused:
            raise CallbackRefused(str(refused)) from None
        return OperationDone.model_validate_json(callback.body).idempotency_key
