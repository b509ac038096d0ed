"""Proving who one is, as a part of any form: a code that is sent, a password, an authenticator's code."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from client.identity import CHANNELS, ProofOfIdentity
from closure.accounts import Channel
from closure.messages import IdentityMethod
from closure.model import Model
from closure.policy import Policy
from records.challenges import CODE_LIFETIME
from web.browser.languages import Reader
from web.browser.refusals import Refusal, refused_here
from web.customer.visit import Visit

_LONGEST_SECRET: Final = 1_000
_LONGEST_CODE: Final = 40

Typed = Annotated[str, StringConstraints(strip_whitespace=True, max_length=_LONGEST_CODE)]


class ProvingForm(Model):
    """The fields of a proof; `send` is the button that asks for a code instead of anything else.

    `sent` is how the page says that a code was sent before: it goes on saying so beside a fault.
    """

    code: Typed = Field(default="", repr=False)
    totp: Typed = Field(default="", repr=False)
    password: str = Field(default="", max_length=_LONGEST_SECRET, repr=False)
    send: IdentityMethod | None = None
    sent: IdentityMethod | None = None

    @property
    def proves(self) -> bool:
        """Whether anything was given."""
        return any((self.code, self.totp, self.password))

    def proof(self, visit: Visit) -> ProofOfIdentity:
        """What was given; wrong guesses count for this session alone."""
        return ProofOfIdentity(
            code=_plain_code(self.code) or None,
            password=None if self.code else self.password or None,
            totp=None if self.code or self.password else _plain_code(self.totp) or None,
            session=visit.session.guesses,
        )


@dataclass(frozen=True)
class Proving:
    """Which fields a form has for a proof; none where nothing more is asked.

    `sent_by` is how a code was sent just now, and `lifetime` how long one is good.
    """

    codes: tuple[IdentityMethod, ...] = ()
    password: bool = False
    totp: bool = False
    sent_by: IdentityMethod | None = None
    lifetime: timedelta = CODE_LIFETIME

    @property
    def sent(self) -> Channel | None:
        """Where a code was sent just now."""
        return CHANNELS[self.sent_by] if self.sent_by is not None else None

    @property
    def is_asked(self) -> bool:
        return bool(self.codes or self.password or self.totp)

    @property
    def has_choice(self) -> bool:
        """Whether any one of several kinds of proof will do."""
        return sum((bool(self.codes), self.password, self.totp)) > 1


NOTHING_ASKED: Final = Proving()


def proving_by(policy: Policy, sent: IdentityMethod | None = None) -> Proving:
    """What the policy accepts (A12, T8); `sent` is how a code was sent."""
    asked = policy.identity.asked
    codes = tuple(each for each in asked if each in CHANNELS)
    return Proving(
        codes=codes,
        sent_by=sent if sent in codes else None,
        password=IdentityMethod.PASSWORD in asked,
        totp=IdentityMethod.TOTP in asked,
    )


def nothing_typed(reader: Reader, proving: Proving) -> Refusal:
    """Beside the fields of a form that came without a proof."""
    if proving.sent is not None:
        sentence = reader.text("Type the code that we sent.")
    elif proving.has_choice:
        sentence = reader.text("Fill in one of these.")
    elif proving.codes:
        sentence = reader.text("Have a code sent first, then type it here.")
    elif proving.password:
        sentence = reader.text("Type your password.")
    else:
        sentence = reader.text("Type the code of your authenticator app.")
    return refused_here(sentence, "proof")


async def send_code(visit: Visit, method: IdentityMethod) -> None:
    """Sends a one-time code; the form is then shown again, and says so, after a second click, too.

    Raises:
        Refused: `IDENTITY_METHOD_REFUSED`, or `TOO_MANY_CHALLENGES` with the seconds to wait.
    """
    await visit.closures.challenge(
        visit.account_id, visit.user_id, method, session=visit.session.guesses, is_once=True
    )


async def proving_for(visit: Visit, policy: Policy, closure_id: str) -> Proving:
    """What an act on the closure asks for: nothing while what was proven to close it is fresh enough."""
    if visit.vouched_at(policy) is not None:
        return NOTHING_ASKED
    if await visit.closures.is_proven(closure_id, visit.account_id, visit.user_id):
        return NOTHING_ASKED
    return proving_by(policy)


def asked_again(policy: Policy, proving: Proving, refusal: Refusal | None) -> Proving:
    """What a form asks for: what was enough a moment ago may be too old by now."""
    is_wanted = refusal is not None and refusal.field == "proof" and not proving.is_asked
    return proving_by(policy) if is_wanted else proving


async def proof_for(visit: Visit, policy: Policy, closure_id: str, form: ProvingForm) -> ProofOfIdentity:
    """The proof that goes with an act: what was given, else the console's word where it is needed."""
    if form.proves or await visit.closures.is_proven(closure_id, visit.account_id, visit.user_id):
        return form.proof(visit)
    return ProofOfIdentity(verified_at=visit.vouched_at(policy), session=visit.session.guesses)


def _plain_code(typed: str) -> str:
    """As it was sent: people copy it with blanks."""
    return "".join(typed.split())
