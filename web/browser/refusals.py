"""What people read when a rule says no: what is wrong, and what they can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from closure.errors import RefusalType, Refused
from web.api.problems import FIELD_OF, STATUS_OF
from web.browser.languages import Reader

_LOOK_AGAIN: Final = (
    "It doesn't fit how things stand now, so nothing was changed. Load this page again to see."
)
_NOT_HERE: Final = "We could not find that. Load this page again to see how things stand."

SENTENCES: Final[Mapping[RefusalType, str]] = {
    RefusalType.ACCESS_REFUSED: _LOOK_AGAIN,
    RefusalType.ACCOUNT_NOT_FOUND: _NOT_HERE,
    RefusalType.ACCOUNT_CLOSED: "This account is closed for good. There is nothing left to do.",
    RefusalType.ACCOUNT_KIND_REFUSED: "Accounts of this kind aren't closed here. Contact support.",
    RefusalType.ACKNOWLEDGEMENT_REQUIRED: "Tick every box to go on. Nothing has been started yet.",
    RefusalType.ACT_LAPSED: "It took too long, so nothing was done. Try again.",
    RefusalType.ACT_NOT_FOUND: _LOOK_AGAIN,
    RefusalType.ALREADY_CONFIRMED: (
        "You have confirmed already. Until the cooling-off period ends you can still withdraw."
    ),
    RefusalType.APPROVAL_NOT_WANTED: "No second person's approval is needed for this account.",
    RefusalType.APPROVAL_REQUIRED: (
        "A second person must approve this plan first. Ask a colleague with role %(roles)s to "
        "open this page from their own console."
    ),
    RefusalType.CERTIFICATE_NOT_ISSUED: "The certificate isn't issued yet. Look again in a few minutes.",
    RefusalType.CLAIM_NEEDED: _LOOK_AGAIN,
    RefusalType.CLOSURE_ALREADY_OPEN: (
        "This account already has an open closure. Load this page again to see it."
    ),
    RefusalType.CLOSURE_ENDED: "This closure has ended. You can start a new one at any time.",
    RefusalType.CLOSURE_NOT_FOUND: _NOT_HERE,
    RefusalType.CODE_REFUSED: (
        "This code isn't right, has been used, or is older than 10 minutes. Check the newest "
        "message, or have another code sent."
    ),
    RefusalType.FAST_FORWARD_REFUSED: _LOOK_AGAIN,
    RefusalType.IDENTITY_METHOD_REFUSED: (
        "This way of proving who you are isn't accepted for this account. Choose another one."
    ),
    RefusalType.IDENTITY_PROOF_REQUIRED: (
        "It has been a while since you proved who you are. Prove it once more to go on."
    ),
    RefusalType.INVALID_REASON: "Choose a reason, or write one of at most 200 characters.",
    RefusalType.ITEM_NOT_FOUND: (
        "Nothing on the list fits that any more. Choose again from the list as it is now."
    ),
    RefusalType.ITEM_NOT_RENOUNCEABLE: (
        "One of the things that you chose can't be given up here. Choose again from the list as it is now."
    ),
    RefusalType.ITEMS_OUTSTANDING: (
        "Something still has to be dealt with first. Go through the list, then check again."
    ),
    RefusalType.IRREVOCABLE: "The closure has been confirmed. Nothing can change or stop it now.",
    RefusalType.LEGAL_HOLD: (
        "This account is under legal hold, so nothing in it may be deleted. Contact support."
    ),
    RefusalType.MALFORMED_INPUT: "We could not read what you entered. Check it and try again.",
    RefusalType.MODE_NOT_OFFERED: "That isn't offered for this account. Go back and choose another way.",
    RefusalType.NOT_READY: "The system check is still running. Wait until it is done.",
    RefusalType.NOT_YET: "It is too early for that. Wait a little and try again.",
    RefusalType.PHRASE_REFUSED: "Type the phrase exactly as it is shown.",
    RefusalType.PLAN_CHANGED: (
        "Your account has changed since you saw this page. Look at what is new, then confirm again."
    ),
    RefusalType.POLICY_NOT_FOUND: "Accounts like this one can't be closed here. Contact support.",
    RefusalType.RISK_NOT_ACCEPTED: "Tick the box to say that you understand the risk.",
    RefusalType.ROLE_REFUSED: "Your user may not do this. Ask somebody with role %(roles)s.",
    RefusalType.SECRET_REFUSED: "That isn't right. Check it and try again.",
    RefusalType.STALE_PLAN_HASH: (
        "What you saw isn't up to date any more. This is how things stand now: look, then confirm again."
    ),
    RefusalType.STALE_RUN: _LOOK_AGAIN,
    RefusalType.STAGE_CONFLICT: _LOOK_AGAIN,
    RefusalType.TAKES_LONG: (
        "This takes longer than usual. Look again in a minute before you repeat anything."
    ),
    RefusalType.THING_NOT_FOUND: _NOT_HERE,
    RefusalType.THING_NOT_ALLOWED: _LOOK_AGAIN,
    RefusalType.TOO_MANY_CHALLENGES: (
        "We have just sent you a code, which may still be good: look for it, in the spam folder, "
        "too. You can have another one in %(wait)s."
    ),
    RefusalType.TOO_MANY_GUESSES: (
        "That was wrong too often. For your protection, wait %(wait)s before you try again."
    ),
    RefusalType.WITHDRAWAL_STANDS: (
        "A withdrawal has been asked for and comes first. Load this page again to see how things stand."
    ),
    RefusalType.WRONG_INSTALLATION: _LOOK_AGAIN,
}
"""Every refusal has its sentence; some can't meet a customer, and say no more than that."""


@dataclass(frozen=True)
class Refusal:
    """A refusal as a page shows it: beside `field` where it is about one."""

    sentence: str
    status: int = HTTPStatus.CONFLICT
    field: str | None = None
    type: RefusalType | None = None
    retry_after: int | None = None

    def on(self, response: Response) -> Response:
        """Tells browsers and programs when to come again."""
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(self.retry_after)
        return response


_IN_FIELD: Final[Mapping[RefusalType, str]] = {
    **FIELD_OF,
    RefusalType.CODE_REFUSED: "proof",
    RefusalType.SECRET_REFUSED: "proof",
    RefusalType.TOO_MANY_GUESSES: "proof",
    RefusalType.TOO_MANY_CHALLENGES: "proof",
    RefusalType.IDENTITY_PROOF_REQUIRED: "proof",
}


def refusal_of(refused: Refused, reader: Reader) -> Refusal:
    """What the reader is told of a refusal."""
    wait = refused.facts.get("retry_after")
    seconds = wait if isinstance(wait, int) else None
    roles = refused.facts.get("roles")
    sentence = reader.text(
        SENTENCES[refused.type],
        wait=reader.duration(timedelta(seconds=seconds or 60)),
        roles=", ".join(map(str, roles)) if isinstance(roles, list) else "—",
    )
    return Refusal(
        sentence=sentence,
        status=_status_of(refused.type),
        field=_IN_FIELD.get(refused.type),
        type=refused.type,
        retry_after=seconds,
    )


def _status_of(type: RefusalType) -> HTTPStatus:
    """As the API has it."""
    is_about_field = type in FIELD_OF
    return HTTPStatus.UNPROCESSABLE_ENTITY if is_about_field else STATUS_OF.get(type, HTTPStatus.CONFLICT)


def busy(reader: Reader) -> Refusal:
    """Beside an act that is still under way another one is not started; what was typed stays."""
    return Refusal(
        reader.text(
            "What you asked for before isn't done yet, so this was not started. Wait until it is done, "
            "then ask again."
        )
    )


def refused_here(sentence: str, field: str | None = None) -> Refusal:
    """What a page itself refuses, before any rule is asked."""
    return Refusal(sentence=sentence, status=HTTPStatus.UNPROCESSABLE_ENTITY, field=field)
