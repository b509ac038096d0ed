"""What requests say. Unknown members are refused, so that a misspelt one is never left out unseen."""

import json
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, StrictBool, model_validator

from client.identity import ProofOfIdentity
from closure.errors import RefusalType
from closure.lifecycle import Mode
from closure.messages import IDENTIFIER, ITEM_ID, IdentityMethod
from closure.model import Instant, Model
from web.api.problems import Problem

Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
Text = Annotated[str, Field(max_length=10_000)]
_ALL: Final[JsonValue] = {
    "required": ["all"],
    "properties": {"all": {"const": True}, "item_ids": {"maxItems": 0}},
}
_SOME: Final[JsonValue] = {
    "required": ["item_ids"],
    "properties": {"all": {"const": False}, "item_ids": {"minItems": 1}},
}

Secret = Annotated[str, Field(min_length=1, max_length=1_000)]


class VerificationMethod(StrEnum):
    """How the console has verified the person just now."""

    SESSION = "session"


def _as_text(moment: object) -> object:
    """Seconds since 1970 have no offset: whether they were meant so is not known."""
    if not isinstance(moment, str):
        raise ValueError("must be a time with an offset, in quotes")
    return moment


class Verified(Model):
    """The console's own sign-in has verified the person at `at`."""

    method: VerificationMethod
    at: Annotated[Instant, BeforeValidator(_as_text)]


class Proof(Model):
    """One thing that the user knows: a code that was sent, a password, or an authenticator's code.

    Or, from a console with scope `portal` and under a policy that takes its word, when it has verified them.
    """

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    code: Secret = Field(default_factory=str, repr=False)
    password: Secret = Field(default_factory=str, repr=False)
    totp: Secret = Field(default_factory=str, repr=False)
    verified: Verified | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give one of code, password, totp and verified")
        return self


def proof_of_identity(proof: Proof | None, session: str) -> ProofOfIdentity:
    """What the client takes; wrong guesses count for `session`."""
    if proof is None:
        return ProofOfIdentity(session=session)
    return ProofOfIdentity(
        code=proof.code or None,
        password=proof.password or None,
        totp=proof.totp or None,
        verified_at=proof.verified.at if proof.verified is not None else None,
        session=session,
    )


def require_single_members(body: bytes) -> None:
    """Passes unless an object in the body gives a member twice: whoever reads it takes another of the two.

    What is no JSON at all is left to who reads it.

    Raises:
        Problem: 400.
    """
    try:
        json.loads(body, object_pairs_hook=_single_members)
    except (ValueError, RecursionError):
        return


def _single_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        # Not which: it may be a password that stands where a name belongs.
        raise Problem(
            HTTPStatus.BAD_REQUEST, RefusalType.MALFORMED_INPUT, "the body gives a member of an object twice"
        )
    return members


class NewChallenge(Model):
    """Asks for a one-time code."""

    user_id: Identifier
    method: IdentityMethod
    policy: Identifier | None = None


class NewClosure(Model):
    """Asks to close an account. `policy` is by default the one of the account's provider."""

    user_id: Identifier
    mode: Mode = Mode.DELETE
    policy: Identifier | None = None
    proof: Proof | None = None
    agree: StrictBool = False
    acknowledgements: tuple[Text, ...] = Field(default=(), max_length=100)


class Nothing(Model):
    """An empty object."""


class UserAct(Model):
    """An act of a user's; `proof` where the one given to close is too old."""

    user_id: Identifier
    proof: Proof | None = None


class Renouncing(UserAct):
    """Gives up the items named, or `all` that can be given up."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_ALL, _SOME]})

    item_ids: tuple[Annotated[str, Field(pattern=ITEM_ID)], ...] = ()
    all: StrictBool = False
    accept_risk: StrictBool = False

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        if bool(self.item_ids) is self.all:
            raise ValueError("give item_ids or all")
        return self


class Confirming(UserAct):
    """The last word, on the plan that was shown."""

    reason: Text
    plan_hash: Text
    phrase: Text | None = None


class Approving(UserAct):
    """The second person's yes, to the plan that was shown."""

    plan_hash: Text
